"""Draw a card as PNG with Pillow alone: shapes as smoothed masks, text run by run. No browser, no server, under a tenth of a second."""

from io import BytesIO

from PIL import Image, ImageDraw

from wrapped.cards.fonts import load, runs
from wrapped.cards.scene import HEIGHT, WIDTH, Box, Card, Rings, Text, Wedge

FINER = 2  # masks are drawn larger and reduced, which smooths their edges


def draw_png(card: Card) -> bytes:
    """The PNG file of a card, 1080 × 1920."""
    image = Image.new("RGB", (WIDTH, HEIGHT), card.theme.ground)
    pen = ImageDraw.Draw(image)
    for shape in card.shapes:
        if isinstance(shape, Text):
            _text(pen, shape)
        else:
            _shape(image, shape)
    file = BytesIO()
    image.save(file, "PNG", compress_level=4)
    return file.getvalue()


def _text(pen: ImageDraw.ImageDraw, text: Text) -> None:
    x = text.x - {"start": 0.0, "middle": text.width / 2, "end": text.width}[text.anchor]
    for run in runs(text.text, text.weight):
        font, direction = load(run.font, text.size), "rtl" if run.rtl else "ltr"
        pen.text((x, text.y), run.text, fill=text.fill, font=font, anchor="ls", direction=direction)
        x += font.getlength(run.text, direction=direction)


def _shape(image: Image.Image, shape: Rings | Box | Wedge) -> None:
    """Paste the part of a shape that lies on the canvas."""
    left, top, right, bottom = _bounds(shape)
    left, top, right, bottom = (
        max(int(left) - 1, 0),
        max(int(top) - 1, 0),
        min(int(right) + 2, WIDTH),
        min(int(bottom) + 2, HEIGHT),
    )
    if right <= left or bottom <= top:
        return
    mask = Image.new("L", ((right - left) * FINER, (bottom - top) * FINER))
    pen = ImageDraw.Draw(mask)

    def at(x: float, y: float) -> tuple[float, float]:
        return (x - left) * FINER, (y - top) * FINER

    match shape:
        case Rings(x, y, radii, _, _):
            for number, radius in enumerate(radii):
                pen.ellipse((at(x - radius, y - radius), at(x + radius, y + radius)), fill=0 if number % 2 else 255)
        case Box(x, y, width, height, radius, _):
            pen.rounded_rectangle(
                (at(x, y), at(x + width, y + height)), min(radius, width / 2, height / 2) * FINER, fill=255
            )
        case Wedge(points, _):
            pen.polygon([at(*point) for point in points], fill=255)
    image.paste(shape.fill, (left, top), mask.reduce(FINER))


def _bounds(shape: Rings | Box | Wedge) -> tuple[float, float, float, float]:
    match shape:
        case Rings(x, y, radii, _, _):
            return x - radii[0], y - radii[0], x + radii[0], y + radii[0]
        case Box(x, y, width, height, _, _):
            return x, y, x + width, y + height
        case Wedge(points, _):
            across, down = zip(*points, strict=True)
            return min(across), min(down), max(across), max(down)
