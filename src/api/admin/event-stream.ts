// The event feed over HTTP: one line of JSON for each commit, until the watcher goes. One that reads too slowly is told so
// and let go: nothing is kept for it.
import type { ServerResponse } from 'node:http';
import { fromEvent, type Observable, takeUntil } from 'rxjs';
import type { FeedLine } from '#runtime/events/feed.ts';

/** Bytes that may wait for a watcher. */
const MOST_UNREAD = 1_048_576;

export function streamEvents(response: ServerResponse, feed: Observable<FeedLine>): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson', connection: 'close' });
  response.flushHeaders();
  const watching = feed.pipe(takeUntil(fromEvent(response, 'close'))).subscribe((line) => {
    if (response.writableLength < MOST_UNREAD) {
      response.write(`${JSON.stringify(line)}\n`);
    } else {
      response.end(`${JSON.stringify({ error: 'too slow: lines were left out; watch again' })}\n`);
      watching.unsubscribe();
    }
  });
}
