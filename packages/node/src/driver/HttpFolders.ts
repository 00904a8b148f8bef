/** Which folders are shown below which paths. */
interface Shown {
  readonly port: number
  readonly prefix: ReadonlyArray<string>
  readonly folder: string
}
export const folders = () => {
  const all = new Set<Shown>()
  return {
    /** Shows a folder, until the function returned is called. */
    add: (port: number, prefix: ReadonlyArray<string>, folder: string): () => void => {
      const shown: Shown = { port, prefix, folder }
      all.add(shown)
      return () => void all.delete(shown)
    },
    /** The folders that a path leads into, with what is left of it; the longest prefix first. */
    of: (port: number, path: ReadonlyArray<string>): ReadonlyArray<readonly [folder: string, below: ReadonlyArray<string>]> =>
      [...all]
        .filter((shown) => shown.port === port && shown.prefix.every((segment, i) => segment === path[i]))
        .sort((a, b) => b.prefix.length - a.prefix.length)
        .map(({ folder, prefix }) => [folder, path.slice(prefix.length)] as const)
  }
}
