/** What a person's adoption of a lost record is known by afterwards: the reason that stands in the record. */

/** As the schema limits it. */
const reasonMax = 512;

/** The reason of a record by which a person makes `primary` lead. `why` is cut where it is too long. */
export function adoptionReason(why: string, primary: string, lossAccepted: boolean): string {
  const tail = `: adopted ${primary}${lossAccepted ? '; loss accepted' : ''}`;
  return `${why.slice(0, reasonMax - tail.length)}${tail}`;
}

/** What such a reason says for people; undefined for the reason of any other change. */
export function adoptionInWords({
  reason = '',
  author = 'nobody',
}: {
  readonly reason?: string;
  readonly author?: string;
}): string | undefined {
  const [, why, loss] = /^(.*): adopted [^ ;]+(; loss accepted)?$/s.exec(reason) ?? [];
  if (why === undefined) return undefined;
  return `the record was written anew by ${author}, ${loss === undefined ? 'with no loss' : 'with accepted loss'}: ${why}`;
}
