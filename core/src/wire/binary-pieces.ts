import { type GraphNode, Kind, natural, VIEW_TYPES } from "./graph-format.ts";

/** Binary from this size on travels beside the encoded value, uncopied. */
export const OUT_OF_BAND_BYTES = 16 * 1024;

/**
 * Collects the parts of ArrayBuffers that a value refers to. Parts that overlap or touch become one piece, so that
 * memory which views share is sent once and shared again on arrival; what no view shows is never sent.
 *
 * A piece is three items: its `source`, bytes or the number of a buffer out of band; its `shift`, by which its first
 * byte is off alignment; its `alignment` in bytes, or 0 when it is an ArrayBuffer as a whole.
 */
export class PieceWriter {
  readonly #ranges = new Map<ArrayBuffer, Range[]>();

  /** A node for the view. It is complete after `finish`. */
  view(type: number, view: ArrayBufferView<ArrayBuffer>): GraphNode {
    const elementBytes = elementBytesOf(view);
    const node: GraphNode = [Kind.view, type, 0, 0, view.byteLength / elementBytes];
    this.#add(view.buffer, {
      node,
      start: view.byteOffset,
      end: view.byteOffset + view.byteLength,
      // a DataView reads anywhere
      alignment: elementBytes,
    });
    return node;
  }

  arrayBuffer(buffer: ArrayBuffer): GraphNode {
    const node: GraphNode = [Kind.arrayBuffer, 0];
    this.#add(buffer, { node, start: 0, end: buffer.byteLength, alignment: 0 });
    return node;
  }

  #add(buffer: ArrayBuffer, range: Range): void {
    const ranges = this.#ranges.get(buffer);
    if (ranges === undefined) this.#ranges.set(buffer, [range]);
    else ranges.push(range);
  }

  finish(): { pieces: unknown[]; buffers: Uint8Array[] } {
    const pieces: unknown[] = [];
    const buffers: Uint8Array[] = [];
    for (const [buffer, ranges] of this.#ranges) {
      for (const group of groupsOf(ranges)) {
        const { start, end } = group;
        const bytes = new Uint8Array(buffer, start, end - start);
        const shift = group.alignment === 0 ? 0 : start % group.alignment;
        for (const { node, start: at } of group.members) {
          node[node[0] === Kind.view ? 2 : 1] = pieces.length / 3;
          if (node[0] === Kind.view) node[3] = at - start;
        }
        const outOfBand = bytes.byteLength >= OUT_OF_BAND_BYTES;
        pieces.push(outOfBand ? buffers.push(bytes) - 1 : bytes, shift, group.alignment);
      }
    }
    return { pieces, buffers };
  }
}

interface Range {
  readonly node: GraphNode;
  readonly start: number;
  readonly end: number;
  readonly alignment: number;
}

interface Group {
  readonly start: number;
  end: number;
  alignment: number;
  readonly members: Range[];
}

function groupsOf(ranges: Range[]): Group[] {
  if (ranges.length > 1) ranges.sort((a, b) => a.start - b.start);
  const groups: Group[] = [];
  let group: Group | undefined;
  for (const range of ranges) {
    if (group === undefined || range.start > group.end) {
      group = { start: range.start, end: range.end, alignment: range.alignment, members: [range] };
      groups.push(group);
    } else {
      group.end = Math.max(group.end, range.end);
      group.members.push(range);
      // 0, a whole ArrayBuffer, wins: its copy begins at 0 and so aligns every view
      const aligned = group.alignment !== 0 && range.alignment !== 0;
      group.alignment = aligned ? Math.max(group.alignment, range.alignment) : 0;
    }
  }
  return groups;
}

function elementBytesOf(view: ArrayBufferView): number {
  return "BYTES_PER_ELEMENT" in view ? (view.BYTES_PER_ELEMENT as number) : 1;
}

interface Piece {
  readonly buffer: ArrayBuffer;
  readonly start: number;
  readonly byteLength: number;
}

type ViewConstructor = new (buffer: ArrayBuffer, byteOffset: number, length: number) => ArrayBufferView;

/** Gives the memory of pieces back. Throws plain errors for what no writer wrote. */
export class PieceReader {
  readonly #pieces: readonly unknown[];
  readonly #buffers: readonly Uint8Array[];
  readonly #opened: Piece[] = [];

  constructor(pieces: readonly unknown[], buffers: readonly Uint8Array[]) {
    this.#pieces = pieces;
    this.#buffers = buffers;
  }

  view(node: GraphNode): ArrayBufferView {
    const [, type, pieceIndex, offset, length] = node as number[];
    const piece = this.#open(pieceIndex);
    const name = VIEW_TYPES[type as number];
    if (name === undefined) throw new Error("no such type of view");
    const at = piece.start + natural(offset);
    const viewClass = (
      globalThis as unknown as Record<string, ViewConstructor & { BYTES_PER_ELEMENT?: number }>
    )[name];
    if (viewClass === undefined) throw new Error(`this runtime has no ${name}`);
    const elementBytes = name === "Buffer" ? 1 : (viewClass.BYTES_PER_ELEMENT ?? 1);
    if (natural(offset) + natural(length) * elementBytes > piece.byteLength)
      throw new Error("a view past its piece");
    return name === "Buffer"
      ? Buffer.from(piece.buffer, at, length)
      : new viewClass(piece.buffer, at, length as number);
  }

  arrayBuffer(node: GraphNode): ArrayBuffer {
    const piece = this.#open(node[1]);
    if (piece.start !== 0 || piece.byteLength !== piece.buffer.byteLength)
      throw new Error("no whole ArrayBuffer");
    return piece.buffer;
  }

  #open(index: unknown): Piece {
    const at = natural(index);
    this.#opened[at] ??= this.#openNew(at);
    return this.#opened[at];
  }

  #openNew(index: number): Piece {
    const source = this.#pieces[index * 3];
    const shift = natural(this.#pieces[index * 3 + 1]);
    const alignment = natural(this.#pieces[index * 3 + 2]);
    if (shift > 8) throw new Error("no such shift");
    // what came inside the message is small: a copy frees the message
    if (source instanceof Uint8Array) return copied(source, shift);
    const bytes = this.#buffers[natural(source)];
    if (bytes === undefined) throw new Error("no such buffer");
    const { buffer, byteOffset, byteLength } = bytes;
    const fits =
      alignment === 0
        ? byteOffset === 0 && byteLength === buffer.byteLength
        : (byteOffset - shift) % alignment === 0;
    return fits ? { buffer: buffer as ArrayBuffer, start: byteOffset, byteLength } : copied(bytes, shift);
  }
}

function copied(bytes: Uint8Array, shift: number): Piece {
  const buffer = new ArrayBuffer(shift + bytes.byteLength);
  new Uint8Array(buffer).set(bytes, shift);
  return { buffer, start: shift, byteLength: bytes.byteLength };
}
