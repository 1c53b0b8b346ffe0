#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# screen_svg.py COLUMNS ROWS LABEL: draws a terminal's screen, in the form that `tmux capture-pane -p -e`
# prints, as an SVG. LABEL describes the picture to screen readers. Each character has its own position, so that
# the picture is the same with every font. Bars are drawn as shapes, because fonts leave gaps between them.
import re
import sys
from xml.sax.saxutils import escape

COLUMNS, ROWS, LABEL = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
WIDTH, HEIGHT, SIZE, EDGE, TITLE = 8.4, 18, 14, 14, 26
COLOURS = {30: '#1c2128', 31: '#ff7b72', 32: '#7ee787', 33: '#e3b341', 34: '#58a6ff', 35: '#d2a8ff',
           36: '#56d4dd', 37: '#f0f6fc', 39: '#c9d1d9'}
GROUNDS = {44: '#1f4e8c', 47: '#c9d1d9'}
BARS = '▁▂▃▄▅▆▇█'


class Style:
    def __init__(self):
        self.colour, self.ground = 39, 49
        self.bold = self.dim = self.line = self.reverse = False

    def change(self, codes):
        for code in codes:
            if code == 0:
                self.__init__()
            elif code == 1:
                self.bold = True
            elif code == 2:
                self.dim = True
            elif code == 4:
                self.line = True
            elif code == 7:
                self.reverse = True
            elif 30 <= code <= 39:
                self.colour = code
            elif 40 <= code <= 49:
                self.ground = code

    def key(self):
        ground = GROUNDS.get(self.ground)
        colour = COLOURS[self.colour]
        if self.reverse:
            colour, ground = '#0d1117', '#9fb4c8'
        return colour, ground, self.bold, self.dim and not self.bold, self.line


def runs(line, style):
    """Parts of a line that look the same: column, text, look."""
    column = 0
    for part in re.split(r'(\x1b\[[0-9;]*m|\x1b[()].|\x0e|\x0f)', line):
        if part.startswith('\x1b['):
            style.change(int(code or 0) for code in part[2:-1].split(';'))
        elif part and part[0] not in '\x1b\x0e\x0f':
            yield column, part, style.key()
            column += len(part)


def place(column, row):
    return EDGE + column * WIDTH, TITLE + EDGE + row * HEIGHT


def draw(column, row, text, look):
    colour, ground, bold, dim, line = look
    x, y = place(column, row)
    if ground:
        print(f'<rect x="{x:.1f}" y="{y}" width="{len(text) * WIDTH:.1f}" height="{HEIGHT}" fill="{ground}"/>')
    if line:
        print(f'<rect x="{x:.1f}" y="{y + HEIGHT - 2}" width="{len(text) * WIDTH:.1f}" height="1" '
              f'fill="{colour}" opacity="0.5"/>')
    attributes = f'fill="{colour}"' + (' opacity="0.6"' if dim else '')
    bars = ''
    for i, character in enumerate(text):
        if character in BARS:
            height = (BARS.index(character) + 1) * (HEIGHT - 3) / 8
            bars += f'M{x + i * WIDTH:.1f} {y + HEIGHT - 1.5:.1f}v{-height:.1f}h{WIDTH - 1:.1f}v{height:.1f}z'
    if bars:
        print(f'<path d="{bars}" {attributes}/>')
    for word in re.finditer(r'[^ ' + BARS + r']+', text):
        weight = ' font-weight="bold"' if bold else ''
        length = len(word.group()) * WIDTH
        print(f'<text x="{x + word.start() * WIDTH:.1f}" y="{y + 13.5}" textLength="{length:.1f}" '
              f'lengthAdjust="spacingAndGlyphs" {attributes}{weight}>{escape(word.group())}</text>')


def main():
    width, height = 2 * EDGE + COLUMNS * WIDTH, TITLE + 2 * EDGE + ROWS * HEIGHT
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
          f'height="{height}" font-family="\'DejaVu Sans Mono\', Menlo, Consolas, monospace" '
          f'font-size="{SIZE}" role="img" aria-label="{escape(LABEL)}">')
    print(f'<rect width="{width:.0f}" height="{height}" rx="9" fill="#0d1117"/>')
    for i, colour in enumerate(('#ff5f57', '#febc2e', '#28c840')):
        print(f'<circle cx="{20 + 20 * i}" cy="18" r="6" fill="{colour}"/>')
    style = Style()
    for row, line in enumerate(sys.stdin.read().split('\n')[:ROWS]):
        for column, text, look in runs(line, style):
            draw(column, row, text, look)
    print('</svg>')


main()
