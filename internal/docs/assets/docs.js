// Comforts of /docs; every page works without them.
'use strict';

// The same code in several languages stands in tabs, and the choice holds for all of them.
const chosen = 'plotwise-docs-language';
function show(tabs, language) {
  const figures = [...tabs.querySelectorAll('figure.code')];
  const has = figures.some((f) => f.dataset.language === language);
  const wanted = has ? language : figures[0].dataset.language;
  for (const figure of figures) figure.hidden = figure.dataset.language !== wanted;
  for (const tab of tabs.querySelectorAll('[role=tab]')) {
    const selected = tab.textContent === wanted;
    tab.setAttribute('aria-selected', selected);
    tab.tabIndex = selected ? 0 : -1;
  }
}
const groups = [...document.querySelectorAll('.tabs')];
for (const tabs of groups) {
  const list = document.createElement('div');
  list.setAttribute('role', 'tablist');
  list.setAttribute('aria-label', 'Language');
  for (const figure of tabs.querySelectorAll('figure.code')) {
    const tab = document.createElement('button');
    tab.type = 'button';
    tab.setAttribute('role', 'tab');
    tab.textContent = figure.dataset.language;
    tab.addEventListener('click', () => {
      localStorage.setItem(chosen, tab.textContent);
      for (const other of groups) show(other, tab.textContent);
    });
    list.append(tab);
    figure.setAttribute('role', 'tabpanel');
  }
  list.addEventListener('keydown', (e) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    const all = [...list.children];
    const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
    next.focus();
    next.click();
  });
  tabs.prepend(list);
  tabs.classList.add('on');
  show(tabs, localStorage.getItem(chosen));
}

// Contents stand open beside the page where there is room.
const side = document.querySelector('details.side');
if (side) {
  const roomy = matchMedia('(min-width: 61rem)');
  const fit = () => { side.open = roomy.matches; };
  roomy.addEventListener('change', fit);
  fit();
  const current = side.querySelector('[aria-current]');
  if (current && roomy.matches) side.scrollTop = Math.max(0, current.offsetTop - side.clientHeight / 2);
}

// Tables that are scrolled sideways can be reached by keyboard.
const reach = () => {
  for (const table of document.querySelectorAll('.prose table')) {
    if (table.scrollWidth > table.clientWidth) table.tabIndex = 0; else table.removeAttribute('tabindex');
  }
};
addEventListener('resize', reach);
reach();

// Results appear while one types; "/" goes to the field.
const search = document.querySelector('form.search');
if (search) {
  const input = search.querySelector('input');
  const found = search.querySelector('.found');
  let asked = 0;
  let typing;
  input.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(async () => {
      const query = input.value.trim();
      const turn = ++asked;
      if (!query) { found.hidden = true; return; }
      const answer = await fetch('/docs/search?part=results&q=' + encodeURIComponent(query));
      if (turn !== asked || !answer.ok) return;
      found.innerHTML = await answer.text(); // rendered and escaped by the server
      found.hidden = false;
    }, 120);
  });
  document.addEventListener('keydown', (e) => {
    if (e.key === '/' && !e.ctrlKey && !e.metaKey && !e.altKey && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName) && !document.activeElement.isContentEditable) {
      e.preventDefault();
      input.focus();
    }
    if (e.key === 'Escape' && search.contains(document.activeElement)) { found.hidden = true; input.focus(); }
    const links = [...found.querySelectorAll('a')];
    if (!found.hidden && search.contains(document.activeElement) && (e.key === 'ArrowDown' || e.key === 'ArrowUp') && links.length) {
      e.preventDefault();
      const at = links.indexOf(document.activeElement) + (e.key === 'ArrowDown' ? 1 : -1);
      (at < 0 ? input : links[at % links.length]).focus();
    }
  });
  document.addEventListener('click', (e) => { if (!search.contains(e.target)) found.hidden = true; });
}

// The section that is being read is marked on the right.
const toc = document.querySelector('.toc');
if (toc && 'IntersectionObserver' in window) {
  const links = new Map([...toc.querySelectorAll('a')].map((a) => [a.getAttribute('href').slice(1), a]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const a of links.values()) a.removeAttribute('aria-current');
      links.get(entry.target.id).setAttribute('aria-current', 'true');
    }
  }, { rootMargin: '-80px 0px -70% 0px' });
  for (const id of links.keys()) {
    const target = document.getElementById(id);
    if (target) seen.observe(target);
  }
}
