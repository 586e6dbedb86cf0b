/** Finds where a piece of a YAML scalar stands in its source. */
export class TextPlaces {
  readonly #source: string;
  /** Where each line begins. */
  #starts: readonly number[] | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  /**
   * Line and column, from 1, of the piece that begins at `at` in the scalar `text`, which begins on line `from`. Without
   * a column when the piece is written otherwise in the source, as with escapes.
   */
  locate(
    text: string,
    at: number,
    piece: string,
    from: number,
  ): { readonly line: number; readonly column?: number } {
    const starts = (this.#starts ??= lineStarts(this.#source));
    const wanted = piece.split("\n", 1)[0] ?? piece;
    let place = starts[from - 1] ?? this.#source.length;
    let before = text.indexOf(wanted);
    place = this.#source.indexOf(wanted, place);
    while (before !== -1 && before < at && place !== -1) {
      before = text.indexOf(wanted, before + wanted.length);
      place = this.#source.indexOf(wanted, place + wanted.length);
    }
    if (wanted === "" || place === -1) return { line: from };
    const index = starts.findLastIndex((start) => start <= place);
    return { line: index + 1, column: place - (starts[index] ?? 0) + 1 };
  }
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}
