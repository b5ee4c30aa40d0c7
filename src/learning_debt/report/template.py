"""What does not change from report to report: the frame of the page, its looks, and how to read it."""

import html

from learning_debt.validation import harmless

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 16px/1.5 Georgia, "Times New Roman", serif; color: #1a1a1a; background: #fff; max-width: 60rem;
       margin: 2rem auto; padding: 0 1.2rem; }
h1, h2, th, .headline, .fact, .small, figcaption { font-family: "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; margin: 0; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #ccc; padding-bottom: .2rem; }
.subtitle { color: #555; margin: .2rem 0 1.4rem; }
.verdict { border: 1px solid #777; border-left: .6rem solid #777; padding: .8rem 1.2rem; break-inside: avoid; }
.verdict.retrain { border-color: #b5480a; background: #fdf3ec; }
.verdict.wait { border-color: #1b6e53; background: #eff7f4; }
.verdict.cannot-tell { border-color: #777; background: #f4f4f4; }
.headline { font-size: 1.6rem; font-weight: bold; margin: 0 0 .6rem; }
.today { font-weight: normal; }
.facts { display: flex; flex-wrap: wrap; gap: .8rem 1.8rem; }
.fact { flex: 1 1 10rem; display: flex; flex-direction: column; }
.what { font-size: .85rem; color: #444; }
.value { font-size: 1.25rem; font-weight: bold; }
.detail, .small { font-size: .82rem; color: #555; }
.reason { margin: .9rem 0 0; }
.lead { font-size: 1.08rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th { font-size: .78rem; font-weight: normal; color: #444; text-align: right; vertical-align: bottom;
     border-bottom: 1.5px solid #333; padding: .25rem .5rem; }
td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid #e2e2e2; white-space: nowrap; }
th.left, td.left { text-align: left; }
td.setting { white-space: normal; overflow-wrap: anywhere; color: #555; font-size: .82rem; }
td.side, th.side { color: #777; border-left: 1px solid #ccc; }
tr.benchmark td { background: #f3efe2; }
figure { margin: 1.6rem 0; break-inside: avoid; }
img { max-width: 100%; height: auto; }
figcaption { font-size: .88rem; color: #444; }
dt { font-weight: bold; margin-top: .5rem; }
dd { margin: 0; }
dl.provenance { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.2rem; font-size: .9rem; }
dl.provenance dt { font-weight: normal; color: #555; margin: 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .82rem; background: #f6f6f6; padding: .8rem; }
@media print { body { margin: 0; max-width: none; font-size: 11pt; } h2 { break-after: avoid; } }
</style>
</head>
<body>
<h1>$title</h1>
<p class="subtitle">Retrain now, or wait? Reported on $period.</p>
$body
</body>
</html>
"""

GLOSSARY = """<h2>How to read this</h2>
<dl>
<dt>Deployed</dt><dd>The model as it serves forecasts: frozen at the last retrain.</dd>
<dt>Shadow</dt><dd>The same model, kept up to date with the data so far, but not serving. A retrain puts it into
service.</dd>
<dt>Nat</dt><dd>The unit of the log score. A forecaster that is 0.1 nats better gave what happened a probability
1.105 times as high, on (geometric) average.</dd>
<dt>Regret</dt><dd>What was lost by forecasting with the deployed model instead of the shadow, as it turned out. It is
signed: where the deployed model happened to do better, regret is negative.</dd>
<dt>Total cost</dt><dd>The cost of all retrains plus the regret. A policy is good if this is small. It can be negative,
if staying with an old model was a lucky choice.</dd>
<dt>Only losses counted</dt><dd>The same schedule if periods in which the deployed model did better count as zero.
This also charges bad luck, so it is shown beside the bill and is never the bill.</dd>
<dt>Net score</dt><dd>The score of the forecasts that would have served, less the cost of retrains. Total cost counts
from the shadow of this model; net score does not, so it may be held against that of another model or another update
rule over the same periods.</dd>
<dt>Your calendar; oracle</dt><dd>What you do today; and the cheapest schedule that could be found knowing the future.
No policy can cost less than the oracle; it shows how much there was to win.</dd>
<dt>Expected to avoid; chance that it pays</dt><dd>What forecasts of a model retrained today would gain over those of
what serves, until the horizon, learned from what earlier retrains of this history would have gained; and the chance
that this is more than a retrain costs.</dd>
<dt>e-value</dt><dd>Evidence of the shadow against what serves. If the deployed forecasts were right, one of 20 or more
would ever come up at most once in 20 such spells, however often one looks.</dd>
<dt>Predictive debt</dt><dd>What one more forecast with the deployed model is expected to lose, in the eyes of the
shadow: the cost of waiting for one period, before it is known how the period turns out.</dd>
<dt>Debt</dt><dd>How much the shadow has learned that the deployed model does not know, in nats. It grows with new data
whether or not forecasts get worse, so it is not a cost.</dd>
<dt>Interval; setting chosen again</dt><dd>What the difference could have been had the periods come in another mix,
both before the split, where settings are chosen, and after it. If it holds zero, this history is too short to tell the
two apart. The share says in how many such mixes the same setting would have been chosen again.</dd>
</dl>"""


def escape(text: str) -> str:
    """Text as the page shows it: without markup, and without letters that are not seen or turn the line around."""
    return html.escape(harmless(text.expandtabs()))
