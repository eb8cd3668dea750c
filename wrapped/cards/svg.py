"""Draw a card as SVG: the same shapes, text that can be read and searched. Each line states the width it was measured to have, so that
it fits wherever the file is opened, whatever fonts there are.
"""

from xml.sax.saxutils import escape, quoteattr

from wrapped.cards.scene import HEIGHT, WIDTH, Box, Card, Rings, Shape, Text

FAMILIES = {
    "black": ("InterDisplayBlack, Inter Display, Inter, Noto, Noto Sans, Noto Sans CJK JP, sans-serif", 900),
    "semibold": ("InterDisplaySemiBold, Inter Display, Inter, Noto, Noto Sans, Noto Sans CJK JP, sans-serif", 600),
}


def draw_svg(card: Card) -> str:
    """The SVG file of a card."""
    shapes = "\n".join(_element(shape) for shape in card.shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label={quoteattr(card.alt)}>\n'
        f"<title>{escape(card.alt)}</title>\n"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{card.theme.ground}"/>\n{shapes}\n</svg>\n'
    )


def _element(shape: Shape) -> str:
    match shape:
        case Rings(x, y, radii, fill, between):
            colours = [(radius, between if number % 2 else fill) for number, radius in enumerate(radii)]
            return "\n".join(
                f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{colour}"/>' for radius, colour in colours
            )
        case Box(x, y, width, height, radius, fill):
            corner = min(radius, width / 2, height / 2)
            return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{corner:g}" fill="{fill}"/>'
        case Text():
            return _text(shape)
        case _:
            points = " ".join(f"{x:g},{y:g}" for x, y in shape.points)
            return f'<polygon points="{points}" fill="{shape.fill}"/>'


def _text(text: Text) -> str:
    family, weight = FAMILIES[text.weight]
    return (
        f'<text x="{text.x:g}" y="{text.y:g}" font-family={quoteattr(family)} font-weight="{weight}" font-size="{text.size}" '
        f'fill="{text.fill}" text-anchor="{text.anchor}" textLength="{text.width:.1f}" lengthAdjust="spacingAndGlyphs" '
        f'unicode-bidi="plaintext" xml:space="preserve">{escape(text.text)}</text>'
    )
