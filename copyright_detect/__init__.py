"""Rights-holders' audio inside new podcast uploads, in near real time."""

from shared.systems import System

SYSTEM = System(
    name="copyright_detect",
    title="Copyright Detect",
    answer="Hash triplets of spectral peaks that survive under speech, then weigh every stored peak of the aligned span: "
    "an alarm comes with the false alarms to be expected.",
    commands="copyright_detect.commands:add_verbs",
    router="copyright_detect.service:router",
    page="page",
)
