/** A picture of a terminal, made of the lines that were printed: an SVG that a README can show and anybody can search in. */

const FONT_SIZE = 13;
const CHARACTER_WIDTH = 7.8;
const LINE_HEIGHT = 18;
const MARGIN = 16;
const MOST_COLUMNS = 175;
const COLOURS = { ground: '#10151c', text: '#d5dbe3', act: '#7fc1ff', ok: '#8fd694', did: '#f0c674' } as const;

/** @param printed lines without escape sequences; long ones are cut. @returns text of an SVG document */
export function terminalPicture(printed: readonly string[]): string {
  const lines = printed.map((line) => (line.length <= MOST_COLUMNS ? line : `${line.slice(0, MOST_COLUMNS - 1)}…`));
  const columns = Math.max(...lines.map((line) => line.length), 1);
  const width = Math.ceil(columns * CHARACTER_WIDTH + 2 * MARGIN);
  const height = lines.length * LINE_HEIGHT + 2 * MARGIN;
  const rows = lines.map((line, index) => {
    const y = MARGIN + (index + 1) * LINE_HEIGHT - 5;
    return `<text x="${MARGIN}" y="${y}" fill="${colourOf(line)}" xml:space="preserve">${escaped(line)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<rect width="100%" height="100%" rx="8" fill="${COLOURS.ground}"/>`,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="${FONT_SIZE}">`,
    ...rows,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function colourOf(line: string): string {
  if (line.startsWith('---') || line.startsWith('[')) return COLOURS.act;
  if (/^ {2}ok /.test(line)) return COLOURS.ok;
  if (/^ {2}did /.test(line)) return COLOURS.did;
  return COLOURS.text;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
