// Builds functions/ingest/static/ripen.js, or the file named as argument, from ripen.src.js. `make tracker` runs it.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from '../tests/browser/node_modules/esbuild/lib/main.js'

const here = dirname(fileURLToPath(import.meta.url))

await build({
  entryPoints: [join(here, 'ripen.src.js')],
  outfile: process.argv[2] ?? join(here, '..', 'functions', 'ingest', 'static', 'ripen.js'),
  minify: true,
  target: 'es2017',
  charset: 'utf8',
  banner: { js: '/* Ripen tracker, Apache-2.0 */' },
})
