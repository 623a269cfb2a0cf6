"""One style sheet for all pages: light and dark, from a phone to a wide screen."""

STYLE = """\
:root {
  color-scheme: light dark;
  --ink: light-dark(#1a2029, #e8ebf1);
  --soft: light-dark(#5a6473, #9ba6b7);
  --paper: light-dark(#f6f7f9, #10141a);
  --card: light-dark(#ffffff, #181d25);
  --line: light-dark(#dfe3e9, #2b3340);
  --edge: light-dark(#8a94a3, #6b7687);
  --accent: light-dark(#1f5fd0, #7fb0ff);
  --on-accent: light-dark(#ffffff, #0d1420);
  --tint: light-dark(#e9f0fd, #1b2740);
  --good: light-dark(#0b6b3c, #5ad192);
  --good-tint: light-dark(#e5f5ec, #14291f);
  --bad: light-dark(#a9231b, #ff9088);
  --bad-tint: light-dark(#fcebea, #331b1a);
  --note-tint: light-dark(#fdf4dc, #2e2612);
  --note: light-dark(#74530a, #f0cd76);
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; color: var(--ink); background: var(--paper);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
a { color: var(--accent); text-underline-offset: .2em; }
h1 { font-size: 1.6rem; line-height: 1.2; letter-spacing: -.01em; margin: 0 0 .35rem; }
h2 { font-size: 1.1rem; line-height: 1.3; margin: 0; }
p { margin: .35rem 0 0; }
code { font: .875em/1.4 ui-monospace, SFMono-Regular, Menlo, monospace; overflow-wrap: anywhere; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .3rem; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 1rem; padding: .5rem 1rem; background: var(--card); z-index: 1; }

.frame { display: grid; grid-template-columns: 16.5rem minmax(0, 1fr); min-height: 100vh; }
.side {
  padding: 1.5rem 1rem; border-right: 1px solid var(--line); background: var(--card);
  display: flex; flex-direction: column; gap: 1.5rem;
}
.brand {
  display: flex; align-items: center; gap: .6rem; padding: 0 .5rem;
  font-weight: 650; color: inherit; text-decoration: none; white-space: nowrap;
}
.brand img { width: 1.4rem; height: 1.4rem; }
nav ul { list-style: none; margin: 0; padding: 0; display: grid; gap: .125rem; }
nav ul ul { margin-top: .125rem; }
nav a, nav span {
  display: block; padding: .45rem .75rem; border-radius: .45rem;
  color: inherit; text-decoration: none;
}
nav span { color: var(--soft); font-size: .8rem; font-weight: 600; padding-top: 1rem; }
nav a:hover { background: var(--paper); }
nav a[aria-current] { background: var(--tint); color: var(--accent); font-weight: 600; }
.side form { margin-top: auto; }
main { padding: 2.5rem clamp(1rem, 4vw, 3rem) 5rem; max-width: 58rem; width: 100%; }
main > header { margin-bottom: 1.75rem; }

.card {
  background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
  padding: 1.5rem; margin: 0 0 1.25rem;
}
.card > h2 + *, .card > div + p, .card > p + div { margin-top: 1rem; }
.notice {
  padding: .9rem 1.1rem; border-radius: .6rem; margin: 0 0 1.25rem;
  background: var(--tint); border-inline-start: .25rem solid var(--accent);
}
.notice.good { background: var(--good-tint); border-color: var(--good); }
.notice.bad { background: var(--bad-tint); border-color: var(--bad); }
.notice.note { background: var(--note-tint); border-color: var(--note); }
.notice p:first-child { margin-top: 0; }
.notice ul { margin: .5rem 0 0; padding-inline-start: 1.2rem; }
.badge {
  display: inline-flex; align-items: center; gap: .4rem; white-space: nowrap;
  padding: .1rem .6rem; border-radius: 1rem; font-size: .8rem; font-weight: 600;
  color: var(--soft); background: var(--paper); border: 1px solid var(--line);
}
.badge::before {
  content: ""; width: .5rem; height: .5rem; border-radius: 50%; background: currentcolor;
}
.badge.good { color: var(--good); background: var(--good-tint); border-color: transparent; }
.badge.bad { color: var(--bad); background: var(--bad-tint); border-color: transparent; }

.setting { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .25rem 1.5rem; }
.setting + .setting {
  margin-top: 1.5rem; padding-top: 1.5rem; border-top: 1px solid var(--line);
}
.setting label { font-weight: 600; }
.setting .about { grid-column: 1; }
.setting .switch { grid-column: 2; grid-row: 1 / span 2; }
.lead label { font-size: 1.1rem; }
.switch { position: relative; display: inline-block; width: 3.25rem; height: 1.9rem; flex: none; }
.switch input {
  position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
  cursor: pointer;
}
.switch i {
  display: block; width: 100%; height: 100%; border-radius: 1rem; pointer-events: none;
  background: var(--edge); transition: background .15s;
}
.switch i::after {
  content: ""; position: absolute; top: .25rem; left: .25rem; width: 1.4rem; height: 1.4rem;
  border-radius: 50%; background: var(--card); transition: transform .15s;
}
.switch input:checked + i { background: var(--accent); }
.switch input:checked + i::after { transform: translateX(1.35rem); }
.switch input:disabled { cursor: not-allowed; }
.switch input:disabled + i { opacity: .5; }
.switch input:focus-visible + i { outline: 3px solid var(--accent); outline-offset: 3px; }
.proof {
  display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin-top: .6rem; font-size: .875rem;
  color: var(--soft);
}
.proof b { color: var(--ink); font-variant-numeric: tabular-nums; }
details { margin-top: .75rem; font-size: .875rem; }
summary { cursor: pointer; color: var(--accent); width: fit-content; }
details ul { margin: .6rem 0 0; padding: 0; list-style: none; display: grid; gap: .5rem; }
.actions {
  display: flex; flex-wrap: wrap; align-items: center; gap: .75rem 1.25rem;
  margin: 1.5rem 0 2.5rem;
}
.actions p { margin: 0; max-width: 34rem; }
button {
  font: inherit; font-weight: 600; color: var(--on-accent); background: var(--accent);
  padding: .65rem 1.25rem; border: 1px solid transparent; border-radius: .5rem; cursor: pointer;
}
button:hover { filter: brightness(1.08); }
button.quiet {
  color: var(--ink); background: transparent; border-color: var(--line); width: 100%;
  font-weight: 500;
}
input[type=password] {
  font: inherit; color: inherit; background: var(--paper); width: 100%;
  padding: .65rem .8rem; border: 1px solid var(--edge); border-radius: .5rem;
}

.tiles {
  display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr));
  margin-bottom: 1.25rem;
}
.tile {
  padding: 1.1rem 1.25rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem;
}
.tile b {
  display: block; font-size: 1.7rem; line-height: 1.2; letter-spacing: -.01em;
  font-variant-numeric: tabular-nums;
}
table {
  border-collapse: collapse; width: 100%; font-size: .9375rem;
  font-variant-numeric: tabular-nums;
}
th, td {
  text-align: start; vertical-align: top; padding: .6rem 1rem .6rem 0;
  border-bottom: 1px solid var(--line);
}
tbody tr:last-child > * { border-bottom: 0; padding-bottom: 0; }
th { font-size: .8125rem; font-weight: 600; color: var(--soft); }
th:last-child, td:last-child { padding-inline-end: 0; }
.number { text-align: end; }
.empty { text-align: center; padding: 2.25rem 1rem; color: var(--soft); }
.empty b { display: block; color: var(--ink); font-weight: 600; }

.door { max-width: 24rem; margin: 0 auto; padding: 18vh 1rem 2rem; }
.door .brand { padding: 0; margin-bottom: 1.25rem; }
.door form { display: grid; gap: .5rem; margin-top: 1.25rem; }
.door label { font-weight: 600; }
.door button { margin-top: .75rem; }

@media (max-width: 46rem) {
  .frame { display: block; }
  .side {
    padding: .75rem 1rem; gap: .6rem; border-right: 0; border-bottom: 1px solid var(--line);
  }
  .side form { margin-top: 0; }
  .brand { padding: 0; }
  nav ul { display: flex; flex-wrap: wrap; gap: .25rem; margin: 0 -.35rem; }
  nav ul ul { margin: 0; }
  nav li { display: contents; }
  nav span { display: none; }
  nav a { padding: .4rem .7rem; }
  main { padding-top: 1.75rem; }
  .card { padding: 1.15rem; }
  .setting .about { grid-column: 1 / -1; }
  .setting .switch { grid-row: 1; }
  thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  tbody tr { display: block; padding: .75rem 0; border-bottom: 1px solid var(--line); }
  tbody tr:first-child { padding-top: 0; }
  tbody tr:last-child { padding-bottom: 0; border-bottom: 0; }
  td {
    display: flex; justify-content: space-between; gap: 1rem; padding: .15rem 0; border: 0;
    text-align: end;
  }
  td::before { content: attr(data-head); color: var(--soft); text-align: start; }
  td.title { font-weight: 600; text-align: start; }
  td.title::before { content: none; }
  .actions button { width: 100%; }
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
"""
