/** The READMEs, and what stands in them to be run. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("../../..", import.meta.url))

/** Each page, and how many programs it has at least that print. */
export const pages = [["README.md", 2], ["packages/core/README.md", 5], ["packages/testkit/README.md", 4], ["packages/node/README.md", 3]] as const

export interface File {
  /** `// watch.ts` or `# scenarios/…txt` in its first line; other programs are numbered. */
  readonly path: string
  readonly text: string
  /** What a program prints. */
  readonly output: string
}

/** The programs and stories of a README, in their order. A text block that is no file is the output of the program above it, or a picture. */
export const filesOf = (page: string): ReadonlyArray<File> => {
  const readme = readFileSync(join(root, page), "utf8")
  const files: Array<File> = []
  for (const [, language, text = ""] of readme.matchAll(/^```(ts|text)\n([\s\S]*?)^```$/gm)) {
    const named = /^(?:\/\/|#) ([\w./-]+\.(?:ts|txt))\b/.exec(text)?.[1]
    const last = files.at(-1)
    const inline = [...text.matchAll(/\/\/ => (.*)$/gm)].map(([, line]) => `${line}\n`).join("")
    if (language === "ts" || named !== undefined) files.push({ path: named ?? `program-${files.length + 1}.ts`, text, output: inline })
    else if (last?.text.includes("console.log") === true && last.output === "") files[files.length - 1] = { ...last, output: text }
  }
  return files
}

/** Those that are run; the others are tests, stories and parts of them. */
export const programsOf = (files: ReadonlyArray<File>): ReadonlyArray<File> =>
  files.filter(({ path }) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
