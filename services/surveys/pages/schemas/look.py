"""The look of pages, their one script, and the policy that lets nothing else run or load.

Colours hold 4.5:1 for text and 3:1 for edges, by day and by night; targets are 44 px and more.
"""

import base64
import hashlib

STYLE = """
:root{color-scheme:light dark;--ink:#1b2430;--soft:#4a5664;--paper:#fff;--wall:#eef1f4;--line:#6b7785;--heart:#9c1f45;
--on:#fff;--bad:#a3160e;--tint:#fbeef2}
@media (prefers-color-scheme:dark){:root{--ink:#eef2f6;--soft:#b9c4cf;--paper:#1b222a;--wall:#10151a;--line:#8b9aa9;
--heart:#ff9db5;--on:#2b0713;--bad:#ffb4a8;--tint:#35202a}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--wall);color:var(--ink);font:1.0625rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans",sans-serif;overflow-wrap:anywhere}
main{max-width:42rem;margin:0 auto;padding:1.25rem 1rem 2rem;background:var(--paper);min-height:100vh;
border-top:.375rem solid var(--heart)}
@media (min-width:44rem){body{padding:2rem 0}main{min-height:0;padding:2rem 2.5rem;border-radius:.75rem}}
h1,h2{margin:0 0 .25rem;font-size:1.375rem;line-height:1.3}
h2{margin-top:2rem}
p{margin:0 0 .75rem}
.soft{color:var(--soft);font-size:.9375rem}
.progress{display:flex;gap:.75rem;align-items:center;margin:.75rem 0 1.25rem}
.progress progress{flex:1;height:.5rem;accent-color:var(--heart)}
fieldset{margin:0 0 1.75rem;padding:0;border:0;min-width:0}
.q{margin:0 0 1.75rem}
legend,.q>label{display:block;padding:0;margin:0 0 .5rem;font-weight:600;font-size:1.125rem}
fieldset fieldset{margin:0 0 1rem}
fieldset fieldset legend{font-size:1rem;font-weight:500}
.row{display:grid;grid-template-columns:repeat(auto-fill,minmax(2.875rem,1fr));gap:.375rem}
.long{grid-template-columns:repeat(6,1fr)}
@media (min-width:36rem){.long{grid-template-columns:repeat(11,1fr)}}
.list{display:grid;gap:.5rem}
.o{position:relative;display:flex;align-items:center;gap:.625rem;min-height:2.875rem;padding:.375rem .75rem;
border:2px solid var(--line);border-radius:.5rem;background:var(--paper);cursor:pointer}
.row .o{justify-content:center;padding:.375rem;font-weight:600}
.o input{accent-color:var(--heart);width:1.25rem;height:1.25rem;margin:0;flex:none}
.row .o input{position:absolute;inset:0;width:100%;height:100%;opacity:0;cursor:pointer}
.o:has(input:checked){border-color:var(--heart);background:var(--tint)}
.row .o:has(input:checked){background:var(--heart);color:var(--on)}
.o:focus-within{outline:3px solid var(--heart);outline-offset:2px}
.ends{display:flex;justify-content:space-between;gap:1rem;margin:.5rem 0 0;color:var(--soft);font-size:.9375rem}
.ends span:last-child{text-align:right}
textarea,input[type=text]{display:block;width:100%;padding:.625rem .75rem;font:inherit;color:inherit;
background:var(--paper);border:2px solid var(--line);border-radius:.5rem}
textarea:focus-visible,input[type=text]:focus-visible,a:focus-visible,button:focus-visible,.errors:focus-visible{
outline:3px solid var(--heart);outline-offset:2px}
.other{margin:-.125rem 0 0 1.875rem}
.go{display:flex;flex-wrap:wrap;gap:.75rem}
button,.button{display:inline-block;min-height:2.875rem;padding:.625rem 1.25rem;font:inherit;font-weight:600;
color:var(--heart);background:var(--paper);border:2px solid var(--heart);border-radius:.5rem;cursor:pointer;
text-decoration:none}
.main{color:var(--on);background:var(--heart)}
.plain{border-color:transparent;text-decoration:underline}
.errors{margin:0 0 1.25rem;padding:.75rem 1rem;border:2px solid var(--bad);border-radius:.5rem}
.errors p{margin:0;font-weight:600}
.errors ul{margin:.25rem 0 0;padding-left:1.25rem}
a{color:var(--heart)}
.bad{margin:0 0 .5rem;color:var(--bad);font-weight:600}
.note{margin:0 0 1.25rem;padding:.75rem 1rem;border-left:.375rem solid var(--heart);background:var(--tint)}
.trap:not(.seen){position:absolute;left:-9999px;height:1px;overflow:hidden}
footer{margin-top:2rem;padding-top:.75rem;border-top:1px solid var(--line)}
footer .go{gap:.25rem 1.25rem}
.plain{padding-left:0;padding-right:0}
@media (forced-colors:active){.o:has(input:checked){border-width:5px}.row .o input{opacity:1;inset:auto;
position:static;width:1.25rem;height:1.25rem}}
@media (prefers-reduced-motion:no-preference){.o{transition:background-color .1s}}
"""

# Whoever opens a page has answered nothing: only when a person touches it is the score of the link sent by itself.
SCRIPT = """
(function(){var f=document.getElementById("f"),seen=0,since=null,hand=false,sent=false,T=["pointerdown","keydown",
"touchstart"];function now(){return performance.now()}function look(){if(document.visibilityState==="visible"){
if(since===null)since=now()}else if(since!==null){seen+=now()-since;since=null}}function shown(){
return seen+(since===null?0:now()-since)}function send(){if(sent||!hand)return;if(shown()<1000||since===null){
setTimeout(send,300);return}sent=true;var d=new URLSearchParams(new FormData(f));d.set("auto","1");
fetch(f.action,{method:"POST",body:d,credentials:"omit",keepalive:true}).catch(function(){})}
function touch(e){if(!e.isTrusted||hand)return;hand=true;setTimeout(send,400)}
document.addEventListener("visibilitychange",look);T.forEach(function(t){document.addEventListener(t,touch,
{capture:true,passive:true})});f.addEventListener("submit",function(){sent=true});look()})();
"""


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


POLICY = (
    f"default-src 'none'; style-src 'sha256-{_hash(STYLE)}'; script-src 'sha256-{_hash(SCRIPT)}'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
