/** What has gone over a link's connections, in bytes. */
export interface LinkTraffic {
  readonly received: number;
  readonly sent: number;
}

interface Counted {
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** `past` and what each of these sockets has counted. Pure. */
export function sumOfTraffic(past: LinkTraffic, ...sockets: (Counted | undefined)[]): LinkTraffic {
  return sockets.reduce<LinkTraffic>(
    ({ received, sent }, socket) => ({
      received: received + (socket?.bytesRead ?? 0),
      sent: sent + (socket?.bytesWritten ?? 0),
    }),
    past,
  );
}
