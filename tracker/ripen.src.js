/*
 * Ripen's tracker: what a visitor does on a page, told to the API that served this file. docs/tracker.md explains it.
 * Built by build.mjs. Promises that are easy to break here: nothing is kept in the browser before consent, nothing is
 * sent against Global Privacy Control or a refusal, an event keeps its message id over every retry, and no error of
 * ours reaches the page.
 */
(() => {
  const SECOND = 1000
  const DAY = 86400 * SECOND
  const KEPT_FOR = 395 * DAY // 13 months; visits do not prolong it
  const IDLE = 60 * SECOND // without a sign of life nobody is reading
  const READ = [30, 120, 300] // seconds
  const SCROLLED = [25, 50, 75, 90] // percent
  const FULL = 10 // events that do not wait for the timer
  const WAIT = 3 * SECOND
  const MOST_EVENTS = 100
  const MOST_BYTES = 64000
  const CHUNK = 28000 // a browser lets a page leave 64 KB behind: one request under way and one at the end
  const KEPT = 'ripen'
  const FILES = /\.(pdf|docx?|xlsx?|pptx?|odt|ods|odp|csv|rtf|epub|zip|7z|t?gz|dmg|exe|msi|ics|mp3|mp4)$/i

  const script = document.currentScript
  const early = window.ripen
  if (!script || !script.dataset.key) return console.error('ripen: load it by a script tag with data-key')
  if (early && early.runs) return

  const api = new URL('.', script.src).href
  const startedAt = Date.now()
  const optedOut = navigator.globalPrivacyControl || navigator.doNotTrack === '1'
  const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => (byte + 256).toString(16).slice(1)).join('')
  const context = { userAgent: navigator.userAgent, webdriver: navigator.webdriver || undefined }
  const place = `${KEPT}.${newId()}` // where this tab leaves what it could not send

  let choice // true and false were said on this site; undefined is neither
  let decidedAt
  let anonymousId = newId()
  let userId

  let queue = [] // {at, bytes, text}: written once, so that every attempt is the same
  let timer = 0
  let underWay = 0
  let failures = 0
  let heldUntil = 0

  let running = false
  let gone = false
  let here = {}
  let path
  let previous = document.referrer
  let canonical
  let seconds
  let depth
  let exited
  let lastSign = startedAt

  // Storage may be missing, full or forbidden, and even asking for it may throw.
  const stored = (name) => {
    try {
      return JSON.parse(localStorage.getItem(name))
    } catch (_) {}
  }
  const store = (name, value) => {
    try {
      if (value) localStorage.setItem(name, JSON.stringify(value))
      else localStorage.removeItem(name)
    } catch (_) {}
  }
  const places = () => {
    try {
      return Object.keys(localStorage).filter((name) => name.startsWith(`${KEPT}.`))
    } catch (_) {
      return []
    }
  }

  const may = () => choice || (choice === undefined && !optedOut)

  const remember = () => {
    if (choice) store(KEPT, { id: anonymousId, user: userId, at: decidedAt })
    else if (choice === false) store(KEPT, { at: decidedAt })
  }

  const recall = () => {
    const kept = stored(KEPT)
    choice = undefined
    if (!kept) return
    if (!(kept.at > Date.now() - KEPT_FOR)) return store(KEPT)
    choice = !!kept.id
    decidedAt = kept.at
    if (choice) {
      anonymousId = kept.id
      userId = kept.user
    }
  }

  const forget = () => {
    for (const field of document.getElementsByName('anonymous_id')) if (field.value === anonymousId) field.value = '' // a form half filled in
    anonymousId = newId()
    userId = undefined
  }

  const empty = () => {
    queue = []
    places().forEach((name) => store(name))
  }

  // What could not be sent outlives the page only with consent.
  const keep = () => {
    if (choice) store(place, queue.length && queue)
  }

  const trim = () => {
    let bytes = queue.reduce((sum, event) => sum + event.bytes, 0)
    while (queue.length > MOST_EVENTS || bytes > MOST_BYTES) bytes -= queue.shift().bytes
  }

  const later = (wait) => {
    clearTimeout(timer)
    timer = setTimeout(send, wait)
  }

  const add = (type, said) => {
    if (!may()) return
    const at = Date.now()
    const text = JSON.stringify(
      Object.assign({ type, messageId: newId(), timestamp: new Date(at), anonymousId, userId, context: { page: here } }, said),
    )
    const bytes = new Blob([text]).size
    if (bytes > CHUNK) return console.warn(`ripen: an event of ${bytes} bytes is too large`)
    queue.push({ at, bytes, text })
    trim()
    if (queue.length >= FULL && !failures) send()
    else if (!timer && !underWay) later(WAIT)
  }

  const send = (leaving) => {
    clearTimeout(timer)
    timer = 0
    const now = Date.now()
    queue = queue.filter((event) => event.at > now - DAY)
    if (!queue.length || (underWay && leaving !== true)) return
    if (!navigator.onLine) return keep()
    if (now < heldUntil) {
      later(heldUntil - now)
      return keep()
    }
    if (failures) keep() // the batch too, until an answer says that it arrived
    const batch = []
    let bytes = 0
    while (queue.length && (bytes += queue[0].bytes) <= CHUNK) batch.push(queue.shift())
    const around = JSON.stringify({
      writeKey: script.dataset.key,
      sentAt: new Date(now),
      context,
    })
    const body = `${around.slice(0, -1)},"batch":[${batch.map((event) => event.text)}]}`
    // Text needs no preflight.
    if (leaving === true) {
      if (!failures) keep()
      if (!('keepalive' in Request.prototype)) return navigator.sendBeacon(`${api}v1/b`, body)
    }
    underWay++
    fetch(`${api}v1/b`, { method: 'POST', body, keepalive: true, credentials: 'omit' })
      .then((answer) => [answer.status, answer.headers.get('Retry-After') * SECOND], () => [0, 0])
      .then(([status, held]) => {
        underWay--
        // A browser that leaves lets requests go on and tells the page that they failed.
        if (!may() || (gone && !status)) return
        if (status && status !== 408 && status !== 429 && status < 500) {
          failures = 0
          if (status > 299) console.warn(`ripen: the API refused ${batch.length} events (${status})`)
          if (queue.length && !timer) later(queue.length < FULL ? WAIT : 0)
        } else {
          queue = batch.concat(queue)
          trim()
          heldUntil = held > 0 ? Date.now() + held : 0
          const backoff = Math.min(2 ** failures++, 300) * SECOND
          later(backoff * (1 + Math.random() / 2))
        }
        keep()
      })
  }

  // Queries hold names, addresses and tokens; of ours only the campaign is read.
  const bare = (url, base) => {
    try {
      const parts = new URL(url, base)
      return `${parts.protocol}//${parts.host}${parts.pathname}`
    } catch (_) {}
  }

  const readable = (name) => {
    try {
      return decodeURIComponent(name)
    } catch (_) {
      return name
    }
  }

  const page = (name, properties) => {
    const link = document.querySelector('link[rel=canonical]')
    const stated = link && bare(link.href)
    const url = bare(location.href)
    const moved = url !== here.url
    if (moved && here.url) previous = here.url
    path = location.pathname
    // A canonical link that stayed while the address moved on belongs to an earlier view.
    here = { path: stated && !(moved && stated === canonical) ? new URL(stated).pathname : path, url }
    canonical = stated
    seconds = depth = exited = 0
    const said = new URLSearchParams(location.search)
    let campaign
    for (const [field, parameter] of [['source'], ['medium'], ['name', 'campaign'], ['term'], ['content']]) {
      const value = said.get(`utm_${parameter || field}`)
      if (value) (campaign = campaign || {})[field] = value
    }
    add('page', {
      name,
      properties,
      context: { page: Object.assign({ title: document.title, referrer: bare(previous) }, here), campaign },
    })
  }

  const track = (event, properties) => add('track', { event, properties })
  const trackHere = (event, properties) => track(event, Object.assign({ path: here.path }, properties))

  // The view in front of the visitor counts from the moment that it may.
  const decided = (could) => {
    if (running && !could && may()) page()
  }

  const commands = {
    page,
    track,
    identify: (who, traits) => {
      if (who && typeof who === 'object') traits = who
      else if (who) {
        if (userId && userId !== `${who}`) forget()
        userId = `${who}`
        remember()
      }
      add('identify', { traits })
    },
    consent: (yes) => {
      const could = may()
      if (choice === (yes === true)) return
      choice = yes === true
      decidedAt = Date.now()
      if (!choice) {
        forget()
        empty()
      }
      remember()
      decided(could)
    },
    reset: () => {
      forget()
      remember()
    },
    ready: (tell) => tell({ anonymousId, consent: choice, counted: !!may() }),
  }

  const run = (...said) => {
    try {
      commands[said[0]](...said.slice(1))
    } catch (error) {
      console.error(`ripen: ${said[0]}`, error)
    }
  }

  const fill = (form, name, value) => {
    let field = form.querySelector(`[name=${name}]`)
    if (!field) {
      field = document.createElement('input')
      field.type = 'hidden'
      field.name = name
      form.append(field)
    }
    field.value = value
  }

  // Before our capture of `submit`, a page may already have read the form: its first focus comes earlier.
  const isOurs = (form) => {
    const target = bare(form.getAttribute('action') || '', document.baseURI) || ''
    if (!target.startsWith(`${api}forms/`)) return false
    fill(form, 'started_at', startedAt)
    fill(form, 'page_url', here.url)
    if (may()) fill(form, 'anonymous_id', anonymousId)
    return true
  }

  const submitted = (form) => {
    if (isOurs(form) || form.dataset.ripen === 'off') return
    const inputs = Array.from(form.elements)
    if ('ripen' in form.dataset) {
      const mail = inputs.find((input) => input.type === 'email' || input.name === 'email')
      if (mail && mail.value) commands.identify({ email: mail.value })
    }
    trackHere('Form Submitted', {
      form: form.getAttribute('name') || form.id || undefined,
      fields: Array.from(new Set(inputs.map((input) => input.name).filter(Boolean))).slice(0, 50),
    })
  }

  const clicked = (link) => {
    if (!/^https?:$/.test(link.protocol)) return
    const file = link.pathname.split('/').pop()
    const kind = FILES.exec(file)
    const url = bare(link.href)
    if (kind || link.hasAttribute('download')) {
      trackHere('Asset Downloaded', {
        asset: link.dataset.asset || readable(file),
        kind: link.dataset.kind || (kind && kind[1].toLowerCase()) || undefined,
        url,
      })
    } else if (link.host !== location.host) trackHere('Outbound Link Clicked', { url })
  }

  const scrolled = () => {
    const part = (100 * (scrollY + innerHeight)) / document.documentElement.scrollHeight
    for (const percent of SCROLLED) {
      if (percent > depth && part >= percent) {
        depth = percent
        trackHere('Page Scrolled', { percent })
      }
    }
  }

  const ticked = () => {
    if (document.hidden || Date.now() - lastSign > IDLE) return
    seconds++
    if (READ.includes(seconds)) trackHere('Page Read', { seconds })
  }

  // A page of an application moves on without being loaded; it sets its title a moment after the address.
  const moved = () =>
    setTimeout(() => {
      if (location.pathname !== path) page()
    })

  const on = (target, names, then) => {
    for (const name of names.split(' ')) {
      target.addEventListener(
        name,
        (event) => {
          try {
            then(event)
          } catch (error) {
            console.error('ripen:', error)
          }
        },
        { capture: true, passive: true },
      )
    }
  }

  const start = () => {
    recall()
    if (choice === undefined && !optedOut && script.dataset.consent === 'granted') run('consent', true)
    const said = Array.from((early && early.q) || [])
    const isChoice = ([name]) => name === 'consent'
    said.filter(isChoice).forEach((each) => run(...each))
    if (choice) {
      for (const name of places()) {
        queue = queue.concat(stored(name) || [])
        store(name)
      }
    }
    window.ripen = run
    run.runs = true
    running = true
    run('page')
    said.filter((each) => !isChoice(each)).forEach((each) => run(...each))

    setInterval(ticked, SECOND)
    on(window, 'pointermove pointerdown keydown scroll wheel touchstart', () => {
      lastSign = Date.now()
    })
    on(window, 'scroll', scrolled)
    on(document, 'mouseout', (event) => {
      if (exited || seconds < 5 || event.relatedTarget || event.clientY > 0) return
      exited = 1
      trackHere('Exit Intended')
    })
    on(document, 'focusin', (event) => event.target.form && isOurs(event.target.form))
    on(document, 'submit', (event) => submitted(event.target))
    on(document, 'click auxclick', (event) => {
      const link = event.button < 2 && event.target.closest && event.target.closest('a[href]')
      if (link) clicked(link)
    })
    on(window, 'popstate', moved)
    for (const name of ['pushState', 'replaceState']) {
      const original = history[name]
      history[name] = function () {
        const result = original.apply(this, arguments)
        moved()
        return result
      }
    }
    on(window, 'pageshow', (event) => {
      gone = false
      if (event.persisted) page()
    })
    on(document, 'visibilitychange', () => document.hidden && send(true))
    on(window, 'pagehide', () => {
      gone = true
      send(true)
    })
    on(window, 'online', () => send())
    // Another tab of this site decided, or the visitor cleared the storage.
    on(window, 'storage', (event) => {
      if (event.key && event.key !== KEPT) return
      const could = may()
      recall()
      if (!choice) {
        forget()
        queue = []
      }
      decided(could)
    })
  }

  if (document.prerendering) document.addEventListener('prerenderingchange', start, { once: true })
  else start()
})()
