// The counterpart of pack.py: bytes back to arrays.

const NAN_CODE = 65535;

/** An episode from its text. Arrays become {data, shape, still}. */
export async function unpack(text) {
  const letters = atob(text.trim());
  const packed = new Uint8Array(letters.length);
  for (let at = 0; at < packed.length; at++) packed[at] = letters.charCodeAt(at);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  return revive(header, bytes.subarray(4 + length));
}

function revive(value, bytes) {
  if (Array.isArray(value)) return value.map((item) => revive(item, bytes));
  if (value === null || typeof value !== "object") return value;
  if ("at" in value && "kind" in value && "shape" in value) return read(value, bytes);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, revive(item, bytes)]));
}

function read(entry, bytes) {
  const { at, kind, shape, differences, still = false } = entry;
  const size = shape.reduce((product, side) => product * side, 1);
  const width = { u8: 1, u16: 2, q16: 2, f32: 4 }[kind];
  const codes = joined(bytes.subarray(at, at + width * size), size, width);
  if (differences) addUp(codes, size / Math.max(shape[0], 1));
  if (kind === "f32") return { data: new Float32Array(codes.buffer), shape, still };
  if (kind === "q16") return { data: numbers(codes, entry), shape, still };
  return { data: codes, shape, still };
}

/** Numbers of which all first bytes come first, then all second ones. */
function joined(bytes, size, width) {
  const whole = new { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[width](size);
  for (let plane = 0; plane < width; plane++) {
    for (let index = 0; index < size; index++) whole[index] |= bytes[plane * size + index] << (8 * plane);
  }
  return whole;
}

/** From differences between rows to rows; typed arrays wrap around as the packer's do. */
function addUp(codes, row) {
  for (let index = row; index < codes.length; index++) codes[index] += codes[index - row];
}

function numbers(codes, { low, step }) {
  const made = new Float32Array(codes.length);
  for (let index = 0; index < codes.length; index++) {
    const entry = index % low.length;
    made[index] = codes[index] === NAN_CODE ? NaN : low[entry] + step[entry] * codes[index];
  }
  return made;
}
