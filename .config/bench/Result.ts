/** What a benchmark says: the JSON object that it prints when it is run with `--json`. */
export interface Result {
  readonly rows: ReadonlyArray<Row>
  readonly curves?: ReadonlyArray<Curve>
  /** For readers: what was skipped, and why. */
  readonly notes?: ReadonlyArray<string>
}

/** One figure. */
export interface Row {
  /** Rows of one group were measured in turns; their ratios are to its first row, the yardstick. */
  readonly group?: string
  readonly name: string
  /** Of the median; `ns`, `µs` and `ms` are times of one operation. */
  readonly unit: string
  readonly median: number
  /** The quartiles below and above the median. */
  readonly spread?: readonly [low: number, high: number]
  /** How many figures the median is of. */
  readonly rounds?: number
  /** Processor time of one operation, in ns: of all threads of the process that does the work. */
  readonly cpu?: number
  /** Memory of one item. */
  readonly bytes?: number
  /** To the yardstick. It does not change with the speed of the machine, as the other figures do. */
  readonly ratio?: number
  /** Whether more is better, as of a rate. */
  readonly more?: boolean
  /** What was to be reached, for readers: "at most 3 µs". Nothing is asserted of it. */
  readonly wanted?: string
}

/** How a figure grows: a plot, with a line for each series. */
export interface Curve {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly series: ReadonlyArray<{ readonly name: string; readonly points: ReadonlyArray<readonly [x: number, y: number]> }>
}

/** What `--json FILE` saves: the results of one run, and where it was. */
export interface Run {
  readonly machine: { readonly [what: string]: string }
  readonly benches: ReadonlyArray<Bench>
}
export interface Bench extends Result {
  /** Its package and file, as `core/codec`. */
  readonly name: string
}
