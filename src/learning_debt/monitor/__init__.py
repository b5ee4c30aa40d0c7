"""The live monitor: one period in, one decision out, and what operations people expect around it.

`Monitor.status` returns plain values, `Monitor.observe` a `RecordedDecision` with the same fields (`as_dict` makes them
plain). Numbers that are not known are NaN, labels of periods are text or whole numbers.

======================================  ====================================================================
field                                   what it is
======================================  ====================================================================
``series``                              name of the series among others, or of the folder (`status` only)
``policy``                              what decides, in words (`status` only)
``period``, ``label``                   number of the last period that was observed, from 1, and its label
``verdict``                             ``"retrain"``, ``"wait"`` or ``"cannot tell"``
``reason``                              one sentence
``conflict``                            why the policy says otherwise than ``probability``, or empty
``expected_regret``, ``_se``            regret that a retrain is expected to avoid over ``horizon`` periods
``believed_regret``                     the same by the shadow's belief alone
``realised_regret``, ``_se``            of what serves, in the periods since it was trained, signed
``probability``                         that a retrain today pays
``break_even_cost``, ``cost``           of a retrain; at the first one the verdict flips
``unit``                                of regret and cost
``spell_age``                           periods since what serves was trained
``deployed_label``                      period after which what served in ``period`` was trained
``debt``, ``_se``                       posterior debt, nats
``predictive_debt``, ``_se``            per row, in the unit of the score
``score_gap``, ``_se``                  the same, as it came out in the period
``regret_so_far``                       of all periods since the monitor began, signed, without costs of retrains
``retrains``                            since the monitor began
``recalled_periods``, ``_share``        periods that expectation, chance and policy have learned from, and share of
                                        their cells that is kept
``seconds``                             what the observation took
``decided_at``                          Unix time of the decision
``receipt``                             of the decision's entry in the ledger
``doubts``                              names of `learning_debt.Doubt`
``answer``                              ``""``, ``"redeploy"``, ``"rollback"`` or ``"decline"`` (`status` only)
``in_service``                          period after which what serves now was trained (`status` only)
``last_label``                          of the last period that the ledger holds (`status` only)
``retained``, ``rollback_to``           labels of posteriors that are kept, and of those to go back to (`status` only)
``head``                                receipt of the last entry (`status` only)
======================================  ====================================================================
"""

from learning_debt.monitor.alerts import Delivery
from learning_debt.monitor.candidate_gate import CandidateCheck
from learning_debt.monitor.command_hook import CommandHook
from learning_debt.monitor.decision_records import RecordedDecision
from learning_debt.monitor.live_monitor import Monitor
from learning_debt.monitor.many_series import SeriesMonitors
from learning_debt.monitor.model_registry import MlflowRegistry
from learning_debt.monitor.open_metrics import open_metrics
from learning_debt.monitor.verification import Verification, verify_folder
from learning_debt.monitor.webhook import Webhook
from learning_debt.monitor.what_moved import Moved, MovedPart
from learning_debt.monitor.writer_lock import BusyError

__all__ = [
    "BusyError",
    "CandidateCheck",
    "CommandHook",
    "Delivery",
    "MlflowRegistry",
    "Monitor",
    "Moved",
    "MovedPart",
    "RecordedDecision",
    "SeriesMonitors",
    "Verification",
    "Webhook",
    "open_metrics",
    "verify_folder",
]
