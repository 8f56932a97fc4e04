/** Owns the look of the landing page: one column on a phone, cards beside each other on a screen, light and dark. */

/** The style sheet. Long names break, so that nothing is wider than the screen. */
export const STYLE = `
:root{color-scheme:light dark;--good:#17692c;--late:#8a4b00;--bad:#b00020;--line:#8885;--card:#8881}
@media(prefers-color-scheme:dark){:root{--good:#7ddb8f;--late:#ffb74d;--bad:#ff8a80}}
*{box-sizing:border-box}
body{background:Canvas;color:CanvasText;font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:64rem;padding:1rem;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:0}
h2{font-size:1.15rem;margin:1.2rem 0 .3rem}
h3{font-size:1rem;margin:0}
p{margin:.3rem 0}
ul{margin:.2rem 0;padding-left:1.2rem}
.cards{display:grid;gap:.8rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,18rem),1fr))}
article,.health{background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.6rem .8rem}
.health{border-left:.4rem solid var(--good)}
.health h2{margin:0}
.degraded{border-left-color:var(--late)}
.unhealthy{border-left-color:var(--bad)}
.good,.healthy .word{color:var(--good)}
.late,.degraded .word{color:var(--late)}
.bad,.unhealthy .word{color:var(--bad)}
nav ul{list-style:none;padding:0}
nav li{display:inline-block;margin-right:1rem}
nav a{display:inline-block;padding:.6rem 0}
`;
