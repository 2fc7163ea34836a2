// What a site adds to the tracker: the queue for calls made before it has loaded, and the visitor's choice.
window.ripen = window.ripen || function () { (ripen.q = ripen.q || []).push(arguments) }

document.addEventListener('DOMContentLoaded', () => {
  const part = (id) => document.getElementById(id)
  const show = () => ripen('ready', ({ anonymousId, consent, counted }) => {
    const until = consent ? 'for 13 months' : 'until you leave this page'
    part('visitor').textContent = counted ? `Here you are ${anonymousId.slice(0, 8)}, ${until}.` : 'Here nobody counts you.'
    part('banner').hidden = consent !== undefined
  })
  const choose = (yes) => {
    ripen('consent', yes)
    show()
  }
  part('yes').addEventListener('click', () => choose(true))
  part('no').addEventListener('click', () => choose(false))
  part('change').addEventListener('click', () => { part('banner').hidden = false })
  show()
})
