// Comforts of the settings; every page works without them.
'use strict';

// Write comes with Read, until Read is taken off again.
for (const box of document.querySelectorAll('input[data-with]')) {
  box.addEventListener('change', () => {
    const other = box.form.querySelector(`input[name="${box.name}"][value="${box.dataset.with}"]`);
    if (box.checked && other) other.checked = true;
  });
}

// What cannot be taken back is asked about first.
for (const form of document.querySelectorAll('form[data-confirm]')) {
  form.addEventListener('submit', (e) => { if (!confirm(form.dataset.confirm)) e.preventDefault(); });
}

// A form is not sent by each click of two.
for (const form of document.querySelectorAll('form[method=post]')) {
  let sent = -Infinity;
  form.addEventListener('submit', (e) => {
    if (e.defaultPrevented) return;
    if (e.timeStamp - sent < 2000) e.preventDefault(); else sent = e.timeStamp;
  });
}

// Menus close when one clicks elsewhere or presses Escape.
document.addEventListener('click', (e) => {
  for (const menu of document.querySelectorAll('details.menu[open]')) if (!menu.contains(e.target)) menu.open = false;
});
document.addEventListener('keydown', (e) => {
  if (e.key !== 'Escape') return;
  for (const menu of document.querySelectorAll('details.menu[open]')) { menu.open = false; menu.querySelector('summary').focus(); }
});

// Tables that are scrolled can be reached by keyboard.
const reach = () => {
  for (const table of document.querySelectorAll('.table')) {
    if (table.scrollWidth > table.clientWidth || table.scrollHeight > table.clientHeight) table.tabIndex = 0; else table.removeAttribute('tabindex');
  }
};
addEventListener('resize', reach);
reach();
