// The names of the DOM that playwright-core's types mention. Nothing here runs in a browser, so their members are not needed.
interface Node {}
interface Element extends Node {}
interface HTMLElement extends Element {}
interface SVGElement extends Element {}
interface HTMLElementTagNameMap {}
