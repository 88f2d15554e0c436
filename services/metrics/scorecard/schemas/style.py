"""How the page looks: light and dark, on a phone and on paper. Contrasts are at least 4.5 to 1."""

STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--soft:#4d5b6a;--paper:#fff;--wall:#eef1f4;--line:#c3ccd5;--heart:#b3224a;
--good:#0b6b3a;--bad:#a3122f;--open:#7a5200}
@media (prefers-color-scheme:dark){:root{--ink:#e9eef3;--soft:#b3bfca;--paper:#1b222a;--wall:#11161b;--line:#3f4c59;
--heart:#ff8fab;--good:#7fdca4;--bad:#ff9aa9;--open:#ffd27a}}
*{box-sizing:border-box}
body{margin:0;padding:1.5rem;background:var(--wall);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{max-width:62rem;margin:auto;padding:2rem;background:var(--paper);border:1px solid var(--line);
border-top:.5rem solid var(--heart);border-radius:.5rem;overflow-wrap:anywhere}
h1{margin:0;font-size:2rem;line-height:1.2}
h2{margin:2rem 0 .5rem;font-size:1.2rem;color:var(--heart)}
header p,footer p{margin:.25rem 0;color:var(--soft)}
table{width:100%;margin:1.5rem 0 0;border-collapse:collapse}
caption{padding:.5rem 0;text-align:left;font-size:1.2rem;font-weight:600;color:var(--heart)}
th,td{padding:.4rem .75rem .4rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-size:.875rem}
tbody th{font-weight:600}
.number{font-variant-numeric:tabular-nums;white-space:nowrap}
.small{display:block;color:var(--soft);font-size:.875rem}
.met,.better{color:var(--good);font-weight:600}
.missed,.worse{color:var(--bad);font-weight:600}
.cannot_say{color:var(--open);font-weight:600}
.no_target,.unclear,.same,.none{color:var(--soft)}
.why{margin-top:.75rem}
.why caption{font-size:1rem;color:var(--ink)}
.why td{text-align:right;width:12rem}
.why thead th:last-child{text-align:right}
footer{margin-top:1.5rem;padding-top:.75rem;border-top:1px solid var(--line);font-size:.875rem}
@media (max-width:40rem){body{padding:0}main{padding:1rem;border-radius:0}
section>table:not(.why) thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
section>table:not(.why) tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}
section>table:not(.why) :is(th,td){display:block;padding:.1rem 0;border:0}
section>table:not(.why) td::before{content:attr(data-label) ": ";color:var(--soft);font-size:.875rem;font-weight:400}
.why td{width:auto}}
@page{size:A4;margin:12mm}
@media print{:root{color-scheme:light;--ink:#000;--soft:#333;--paper:#fff;--wall:#fff;--line:#999;--heart:#8c1638;
--good:#064d29;--bad:#8c0f28;--open:#5c3d00}
body{padding:0;font-size:.85rem}main{max-width:none;padding:0;border:0}tr,.why{break-inside:avoid}thead{display:table-header-group}}
"""
