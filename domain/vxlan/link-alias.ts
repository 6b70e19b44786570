/** The alias marks a link as ours, in the kernel itself (ADR 30): it survives the loss of everything else. */

export interface LinkOwner {
  readonly podUid: string;
  readonly generation: number;
  /** It was there before us; a failed attach gives it back. Kept in the kernel, as a crash may come before it is recorded. */
  readonly adopted: boolean;
}

const FORM = /^podwire:([0-9a-zA-Z-]{1,64}):(\d{1,15})(:adopted)?$/;

/** `podwire:<podUid>:<generation>`, and `:adopted` for a link that was there before. */
export function aliasFor(owner: LinkOwner): string {
  return `podwire:${owner.podUid}:${owner.generation}${owner.adopted ? ':adopted' : ''}`;
}

/** Whose link it is; undefined when the alias is not podwire's. */
export function ownerOf(alias: string | undefined): LinkOwner | undefined {
  const match = FORM.exec(alias ?? '');
  if (match === null) return undefined;
  return { podUid: match[1] ?? '', generation: Number(match[2]), adopted: match[3] !== undefined };
}
