/** Protobuf's wire format, read without any schema: a second opinion on what the codec wrote. */

/** @returns field numbers with a varint or the bytes of a length-delimited field */
export function wireFields(bytes: Uint8Array | bigint | undefined): [number, Buffer | bigint][] {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('no length-delimited field');
  const fields: [number, Buffer | bigint][] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError('cut off');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    if ((tag & 7) === 0) {
      fields.push([tag >> 3, varint()]);
      continue;
    }
    if ((tag & 7) !== 2) throw new TypeError(`wire type ${tag & 7}`);
    const length = Number(varint());
    fields.push([tag >> 3, Buffer.from(bytes.subarray(at, at + length))]);
    at += length;
  }
  return fields;
}
