// An error for clients that ask for a page or for plain text and not for JSON, laid out as WebOb does. Pure.

/** Without a wish it is JSON. */
export function wishedForm(accept: string | undefined): 'json' | 'html' | 'plain' {
  if (accept === undefined || accept.trim() === '') return 'json';
  const ranges = accept.split(',').map((part) => part.split(';').map((text) => text.trim()));
  const wished = ranges
    .filter((range) => !range.some((parameter) => /^q=0(\.0*)?$/.test(parameter)))
    .map(([type = '']) => type.toLowerCase());
  if (wished.includes('*/*')) return 'json';
  if (wished.includes('text/html') || wished.includes('text/*')) return 'html';
  return wished.includes('application/json') || wished.includes('application/*') ? 'json' : 'plain';
}

/** `detail`: the standing words of the status, an empty line, and what happened. */
export function plainError(title: string, detail: string): string {
  return `${title}\n\n${detail}`;
}

export function pageError(title: string, detail: string): string {
  const [opening = '', ...words] = detail.split('\n\n').map(escaped);
  return [
    '<html>',
    ' <head>',
    `  <title>${title}</title>`,
    ' </head>',
    ' <body>',
    `  <h1>${title}</h1>`,
    `  ${opening}<br /><br />`,
    words.join('\n\n').trim(),
    '',
    '',
    ' </body>',
    '</html>',
  ].join('\n');
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#x27;');
}
