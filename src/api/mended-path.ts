// Paths whose percent-encoding makes no sense name nothing, and who asks for nothing must hear so from the service in
// its own words. The framework would refuse such a path itself, in words of its own; mended, it reaches the service.
// Python's services read them in the same way. Pure.

/** The same URL, with what can't be decoded in its path replaced; the query is left as it is. */
export function mendPath(url: string): string {
  if (!url.includes('%')) return url;
  const at = url.indexOf('?');
  const path = at < 0 ? url : url.slice(0, at);
  if (isDecodable(path)) return url;
  return `${path.split('/').map(mendPart).join('/')}${at < 0 ? '' : url.slice(at)}`;
}

function mendPart(part: string): string {
  if (isDecodable(part)) return part;
  const whole = part.replaceAll(/%(?![0-9A-Fa-f]{2})/g, '%25');
  if (isDecodable(whole)) return whole;
  return encodeURIComponent(decodeBytes(whole));
}

/** As UTF-8, with U+FFFD for what is none. */
function decodeBytes(part: string): string {
  const bytes = part.replaceAll(/%([0-9A-Fa-f]{2})/g, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
