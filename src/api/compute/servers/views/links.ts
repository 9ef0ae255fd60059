// Links in server views. Pure.

export interface LinkBases {
  /** `http://host/compute/v2.1`, with the project when the path has it. */
  readonly selfBase: string;
  /** The same without the version. */
  readonly bookmarkBase: string;
}

export interface Link {
  readonly rel: string;
  readonly href: string;
}

export function serverLinks(bases: LinkBases, id: string): readonly Link[] {
  return [
    { rel: 'self', href: `${bases.selfBase}/servers/${id}` },
    bookmark(bases, `servers/${id}`),
  ];
}

export function bookmark(bases: LinkBases, path: string): Link {
  return { rel: 'bookmark', href: `${bases.bookmarkBase}/${path}` };
}

/** The page after `lastId`: the asked parameters, sorted, with the marker. */
export function nextLink(
  collection: string,
  query: Readonly<Record<string, readonly string[]>>,
  lastId: string,
): Link {
  const names = Object.keys(query).filter((name) => name !== 'marker');
  const pairs = names
    .sort()
    .flatMap((name) => (query[name] ?? []).map((value) => [name, value]))
    .concat([['marker', lastId]]);
  return { rel: 'next', href: `${collection}?${new URLSearchParams(pairs).toString()}` };
}
