/**
 * When to look at a folder again: soon after the system says that something happened there, and now and
 * then anyhow, because it may say nothing (network file systems, a full queue, a folder that was replaced).
 *
 * However much happens, there is one look at a time, at most one each `debounceMs`, and looks take at
 * most a part of the time: a folder that is slow to read is read less often.
 */
import { type FSWatcher, watch } from "node:fs"
import { stat } from "node:fs/promises"

/** How often the watcher looks. */
export interface Limits {
  /** Between two looks, at least: what changes more often is told of once. */
  readonly debounceMs: number
  /** Between two looks when the system does not say what changes. */
  readonly pollMs: number
}
export interface Options extends Limits {
  readonly folder: string
  /** Whether what happened to an entry of the folder matters. */
  readonly concerns: (name: string) => boolean
  /** Never fails. It is told why only the clock makes it look, when that is so. */
  readonly look: (deaf: NodeJS.ErrnoException | undefined) => Promise<void>
}

const share = 20 // polling takes at most a twentieth of the time: a guess

/** Looks at once, and on, until the function returned is called. */
export const start = ({ concerns, debounceMs, folder, look, pollMs }: Options): () => void => {
  let isStopped = false
  let isLooking = false
  let isAwaited = false
  let tookMs = 0
  let timer: NodeJS.Timeout | undefined
  let isSoon = false
  let armed: { readonly watcher: FSWatcher; readonly which: string } | undefined

  const disarm = (): void => {
    armed?.watcher.close()
    armed = undefined
  }
  /** Listens to the folder that has the name now: the system goes on about the one that it was told of. */
  const arm = async (): Promise<NodeJS.ErrnoException | undefined> => {
    try {
      const { dev, ino } = await stat(folder, { bigint: true })
      const which = `${dev} ${ino}`
      if (isStopped || armed?.which === which) return undefined
      disarm()
      const watcher = watch(folder, (_, name) => { if (name === null || concerns(name)) soon() })
      watcher.on("error", () => {
        disarm()
        soon()
      })
      armed = { watcher, which }
      return undefined
    } catch (error) {
      disarm()
      return error as NodeJS.ErrnoException
    }
  }
  const run = async (): Promise<void> => {
    isSoon = false
    isLooking = true
    const began = performance.now()
    await look(await arm())
    tookMs = performance.now() - began
    isLooking = false
    if (isAwaited) soon()
    else later(Math.max(pollMs, share * tookMs))
  }
  const later = (ms: number): void => {
    clearTimeout(timer)
    if (!isStopped) timer = setTimeout(() => void run(), ms)
  }
  const soon = (): void => {
    isAwaited = isLooking
    if (isLooking || isSoon) return
    isSoon = true
    later(Math.max(debounceMs, tookMs))
  }
  void run()
  return () => {
    isStopped = true
    clearTimeout(timer)
    disarm()
  }
}
