/** What the kernel answers to a request: success, or an errno with its own words and the attribute that it means (extended acknowledgements). */
import { decodeAttributes, align, listAttributes, read } from './attributes.ts';
import { MalformedNetlink } from './malformed.ts';
import { FLAG, HEADER, NLMSG, type NetlinkMessage } from './messages.ts';

/** NLMSGERR_ATTR_… */
const ATTRIBUTE = { MESSAGE: 1, OFFSET: 2, MISSING_TYPE: 5 } as const;

export interface KernelAnswer {
  /** 0: done. Positive otherwise, as in errno(3). */
  readonly errno: number;
  /** The kernel's words; with errno 0 a warning. */
  readonly said?: string;
  /** Where in the request, counted from its header, the attribute stands that is meant. */
  readonly offset?: number;
  /** The type of an attribute that the request lacks. */
  readonly missing?: number;
}

/**
 * Of a message of type NLMSG_ERROR, or NLMSG_DONE at the end of a dump.
 * @throws MalformedNetlink
 */
export function decodeAnswer({ type, flags, payload }: NetlinkMessage): KernelAnswer {
  if (payload.length < 4) {
    // A dump may end without a code.
    if (type === NLMSG.DONE) return { errno: 0 };
    throw new MalformedNetlink(`an error of ${payload.length} bytes`);
  }
  const code = payload.readInt32LE(0);
  // Positive codes of dumps are lengths.
  const errno = code < 0 ? -code : 0;
  if ((flags & FLAG.ACK_ATTRIBUTES) === 0) return { errno };
  const attributes = decodeAttributes(payload.subarray(Math.min(payload.length, attributesAt(type, flags, payload))));
  const said = read.text(attributes, ATTRIBUTE.MESSAGE);
  const offset = read.u32(attributes, ATTRIBUTE.OFFSET);
  const missing = read.u32(attributes, ATTRIBUTE.MISSING_TYPE);
  return {
    errno,
    ...(said === undefined ? {} : { said }),
    ...(offset === undefined ? {} : { offset }),
    ...(missing === undefined ? {} : { missing }),
  };
}

/** Behind the code stands, of an error, the request's header, and the rest of the request unless it is capped. */
function attributesAt(type: number, flags: number, payload: Buffer): number {
  if (type === NLMSG.DONE) return 4;
  if ((flags & FLAG.CAPPED) !== 0) return 4 + HEADER;
  if (payload.length < 4 + HEADER) throw new MalformedNetlink(`an error of ${payload.length} bytes`);
  return 4 + align(payload.readUInt32LE(4));
}

/**
 * Types of the attributes from the outermost to the one that begins at `offset` of a request; [] when there is none.
 * @param familyHeader bytes of the family's own header (`struct ifinfomsg`: 16)
 */
export function attributeAt(request: Buffer, familyHeader: number, offset: number): number[] {
  return within(request.subarray(HEADER + align(familyHeader)), offset - HEADER - align(familyHeader));
}

function within(buffer: Buffer, offset: number): number[] {
  let at = 0;
  let attributes: ReturnType<typeof listAttributes>;
  try {
    attributes = listAttributes(buffer);
  } catch {
    // Not attributes but a value.
    return [];
  }
  for (const { type, value } of attributes) {
    const end = at + 4 + value.length;
    if (at === offset) return [type];
    if (offset > at && offset < end) return [type, ...within(value, offset - at - 4)];
    at = align(end);
  }
  return [];
}
