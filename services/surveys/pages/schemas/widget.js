/* Tâm: asks a survey in a shop's page. One script tag, no cookie, nothing stored in the browser.
   <script async src="https://…/s/widget.js" data-write-key="tam_wk_…" data-user-id="42"></script>
   Without data-user-id and data-anonymous-id it reads those of Segment's analytics.js. */
(function (w, d) {
  "use strict";
  var tag = d.currentScript;
  if (!tag || w.tamSurvey || !w.fetch || !w.HTMLDialogElement || !d.body && d.readyState !== "loading") return;
  var base = tag.src.replace(/\/widget\.js.*$/, ""), data = tag.dataset, busy = false;
  var CSS = ":host{all:initial}*{box-sizing:border-box}dialog{--ink:#1b2430;--soft:#4a5664;--paper:#fff;--line:#6b7785;" +
    "--heart:#9c1f45;--on:#fff;--bad:#a3160e;--tint:#fbeef2;color:var(--ink);background:var(--paper);border:0;" +
    "border-top:6px solid var(--heart);border-radius:12px 12px 0 0;margin:auto auto 0;padding:20px;width:100%;" +
    "max-width:30rem;max-height:90vh;overflow:auto;font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere;" +
    "box-shadow:0 0 24px #0006}dialog::backdrop{background:#0006}@media(min-width:40rem){dialog{margin:auto 24px 24px auto;" +
    "border-radius:12px}}@media(prefers-color-scheme:dark){dialog{--ink:#eef2f6;--soft:#b9c4cf;--paper:#1b222a;" +
    "--line:#8b9aa9;--heart:#ff9db5;--on:#2b0713;--bad:#ffb4a8;--tint:#35202a}}h2{margin:0 48px 4px 0;font-size:20px}" +
    "p{margin:0 0 12px}.soft{color:var(--soft);font-size:15px}fieldset,.q{border:0;margin:0 0 20px;padding:0;min-width:0}" +
    "legend,.q>label{display:block;padding:0;margin:0 0 8px;font-weight:600}.row{display:grid;gap:6px;" +
    "grid-template-columns:repeat(auto-fill,minmax(44px,1fr))}.list{display:grid;gap:8px}.o{position:relative;display:flex;" +
    "gap:10px;align-items:center;min-height:44px;padding:6px 12px;border:2px solid var(--line);border-radius:8px;" +
    "cursor:pointer}.row .o{justify-content:center;padding:6px;font-weight:600}.o input{width:20px;height:20px;margin:0;" +
    "flex:none;accent-color:var(--heart)}.row .o input{position:absolute;inset:0;width:100%;height:100%;opacity:0}" +
    ".o:has(input:checked){border-color:var(--heart);background:var(--tint)}.row .o:has(input:checked){" +
    "background:var(--heart);color:var(--on)}.o:focus-within,textarea:focus-visible,input[type=text]:focus-visible," +
    "button:focus-visible{outline:3px solid var(--heart);outline-offset:2px}.ends{display:flex;" +
    "justify-content:space-between;gap:16px;color:var(--soft);font-size:15px;margin:6px 0 0}textarea,input[type=text]{" +
    "display:block;width:100%;padding:10px;font:inherit;color:inherit;background:var(--paper);border:2px solid " +
    "var(--line);border-radius:8px}button{min-height:44px;padding:8px 20px;font:inherit;font-weight:600;" +
    "color:var(--on);background:var(--heart);border:2px solid var(--heart);border-radius:8px;cursor:pointer}" +
    ".x{position:absolute;top:10px;right:10px;min-width:44px;padding:0;color:var(--ink);background:none;" +
    "border-color:transparent;font-size:22px}.bad{color:var(--bad);font-weight:600}";

  function stored(name) {
    try {
      var value = w.localStorage.getItem(name);
      return value && value.charAt(0) === '"' ? JSON.parse(value) : value;
    } catch (e) { return null; }
  }
  function call(path, body) {
    body.writeKey = data.writeKey;
    return fetch(base + "/widget/" + path, {method: "POST", body: JSON.stringify(body), credentials: "omit", keepalive: true});
  }
  function make(name, attributes, parent, text) {
    var made = d.createElement(name), key;
    for (key in attributes) if (attributes[key] !== undefined) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.appendChild(made);
    return made;
  }

  function choice(parent, kind, name, value, text, on) {
    var label = make("label", {"class": "o"}, parent);
    var input = make("input", {type: kind, name: name, value: value}, label);
    input.checked = on;
    make("span", {}, label, text);
    return input;
  }
  function scale(parent, points, name, said) {
    var named = points.every(function (p) { return p.label; }) && points.length <= 7;
    var box = make("div", {"class": named ? "list" : "row"}, parent);
    points.forEach(function (p) {
      choice(box, "radio", name, p.value, named ? p.text + " – " + p.label : p.text, said === p.value);
    });
    if (!named && points.some(function (p) { return p.label; })) {
      var ends = make("p", {"class": "ends"}, parent);
      points.forEach(function (p) { if (p.label) make("span", {}, ends, p.value + " – " + p.label); });
    }
  }
  function group(parent, text, role, needed) {
    var made = make("fieldset", {role: role, "aria-required": needed && role === "radiogroup" ? "true" : undefined}, parent);
    make("legend", {}, made, text);
    return made;
  }
  function hints(box, q, error) {
    if (error) make("p", {"class": "bad", id: "e-" + q.id}, box, error);
    if (q.help) make("p", {"class": "soft", id: "h-" + q.id}, box, q.help);
    var about = [error && "e-" + q.id, q.help && "h-" + q.id].filter(Boolean).join(" ");
    return about || undefined;
  }
  function ask(form, q, said, error, words) {
    var title = q.text + (q.required ? " (" + words.required + ")" : ""), box, about;
    said = said || {};
    if (q.kind === "text") {
      box = make("div", {"class": "q"}, form);
      make("label", {"for": "t-" + q.id}, box, title);
      about = hints(box, q, error);
      make("textarea", {id: "t-" + q.id, name: q.id, rows: 3, maxlength: q.max, "aria-describedby": about,
        "aria-invalid": error ? "true" : undefined}, box).value = said.text || "";
      return;
    }
    box = group(form, title, q.kind === "multiple" || q.rows.length ? "group" : "radiogroup", q.required);
    about = hints(box, q, error);
    if (about) box.setAttribute("aria-describedby", about);
    if (q.rows.length) q.rows.forEach(function (row) {
      var cell = (said.rows || {})[row.id] || {}, inner = group(box, row.label, "radiogroup");
      if (q.points.length) scale(inner, q.points, q.id + ":" + row.id, cell.score);
      else q.options.forEach(function (o) {
        choice(inner, "radio", q.id + ":" + row.id, o.id, o.label, (cell.chosen || []).indexOf(o.id) >= 0);
      });
    });
    else if (q.points.length) scale(box, q.points, q.id, said.score);
    else {
      var list = make("div", {"class": "list"}, box);
      q.options.forEach(function (o) {
        choice(list, q.kind === "single" ? "radio" : "checkbox", q.id, o.id, o.label, (said.chosen || []).indexOf(o.id) >= 0);
        if (o.other) make("input", {type: "text", name: "o:" + q.id, maxlength: 500, "aria-label": words.other + ": " + o.label},
          list).value = said.text || "";
      });
    }
  }

  function picked(form, name) {
    return [].filter.call(form.elements, function (e) { return e.name === name && e.checked; }).map(function (e) { return e.value; });
  }
  function read(form, q) {
    if (q.kind === "text") return form.elements[q.id].value ? {text: form.elements[q.id].value} : null;
    if (q.rows.length) {
      var rows = {}, any = false;
      q.rows.forEach(function (row) {
        var value = picked(form, q.id + ":" + row.id)[0];
        if (value !== undefined) { any = true; rows[row.id] = q.points.length ? {score: +value} : {chosen: [value]}; }
      });
      return any ? {rows: rows} : null;
    }
    var chosen = picked(form, q.id), other = form.elements["o:" + q.id];
    if (!chosen.length) return null;
    if (q.points.length) return {score: +chosen[0]};
    var isOther = q.options.some(function (o) { return o.other && chosen.indexOf(o.id) >= 0; });
    return isOther && other && other.value ? {chosen: chosen, text: other.value} : {chosen: chosen};
  }

  function show(step) {
    var before = d.activeElement, host = make("tam-survey", {}, d.body), root = host.attachShadow({mode: "open"});
    var sheet = new CSSStyleSheet(), dialog = make("dialog", {"aria-labelledby": "t"}, root), done = false;
    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
    function away() {
      host.remove();
      busy = false;
      if (!done) call("close", {token: step.token});
      if (before && before.focus) before.focus();
    }
    dialog.addEventListener("close", away);
    function draw(errors) {
      dialog.textContent = "";
      dialog.lang = step.lang;
      make("h2", {id: "t", tabindex: "-1"}, dialog, step.title);
      var x = make("button", {"class": "x", type: "button", "aria-label": step.words.close}, dialog, "×");
      x.addEventListener("click", function () { dialog.close(); });
      if (step.intro) make("p", {}, dialog, step.intro);
      if (step.thanks !== undefined) {
        make("p", {role: "status"}, dialog, step.thanks);
        x.focus();
        return;
      }
      make("p", {"class": "soft"}, dialog, step.progress);
      var form = make("form", {novalidate: ""}, dialog);
      if (errors) make("p", {"class": "bad", role: "alert"}, form, step.words.errors);
      step.questions.forEach(function (q) { ask(form, q, step.answers[q.id], (errors || {})[q.id], step.words); });
      make("button", {type: "submit"}, form, step.last ? step.words.send : step.words.next);
      form.addEventListener("submit", function (e) { e.preventDefault(); send(form); });
      (form.querySelector("input,textarea") || x).focus();
    }
    function send(form) {
      if (form.dataset.busy) return;
      form.dataset.busy = 1;
      var shown = step.questions.map(function (q) { return q.id; });
      step.questions.forEach(function (q) { step.answers[q.id] = read(form, q); });
      call("answer", {token: step.token, nonce: step.nonce, lang: step.lang, shown: shown, answers: step.answers})
        .then(function (r) { return r.ok || r.status === 422 ? r.json() : Promise.reject(); })
        .then(function (said) {
          if (said.errors) { draw(said.errors); return; }
          done = said.thanks !== undefined;
          step = said;
          draw();
        })
        .catch(function () {
          delete form.dataset.busy;
          form.querySelector(".down") || make("p", {"class": "bad down", role: "alert"}, form, step.words.unavailable);
        });
    }
    dialog.showModal();
    draw();
    call("shown", {token: step.token});
  }

  function check(who) {
    if (busy || !data.writeKey) return;
    who = who || {};
    var user = who.userId || data.userId || stored("ajs_user_id");
    var anonymous = who.anonymousId || data.anonymousId || stored("ajs_anonymous_id");
    if (!user && !anonymous) return;
    busy = true;
    call("open", {userId: user || undefined, anonymousId: anonymous || undefined, lang: data.lang || d.documentElement.lang})
      .then(function (r) { return r.status === 200 ? r.json() : null; })
      .then(function (step) { if (step) show(step); else busy = false; })
      .catch(function () { busy = false; });
  }
  w.tamSurvey = {check: check};
  setTimeout(check, 1000 * (data.delay === undefined ? 2 : +data.delay));
})(window, document);
