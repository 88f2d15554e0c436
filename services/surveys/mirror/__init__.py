"""The mirror: staff answers a customers' survey as they think that customers do, and cannot know yet.

A wave asks the scored questions of one version of a survey, on the same scales, about a period of local days, and what
staff thinks the customers' NPS is. Nobody needs an account: a one-time link stands for a role, or all share one link
and say their role.

Invariants
* One answer for a one-time link; an answer never changes; none comes in after the wave has closed.
* Nothing leads from an answer to who gave it: no time, no order, no link, and nothing is told before the wave closes.
* What fewer than five of a role said is told to nobody, neither alone nor as what is left of a total.

What "before customers' results are visible" means, and what of it is held. A wave says from when the results of its
period count as visible (`results_visible_from`: at the latest when the period is over). Held: the delivery gap is
shown of no wave that is open; a wave that was opened or closed at or after that moment is marked, for good, as biased,
with the reason. Not held: that nobody of the staff saw the customers' scores elsewhere. Figures of satisfaction are
live, and whoever has a key with `metrics:read`, or was told, can know them before; metrics says of each wave how many
answers of its customers had come before it closed. The link of a wave that all share can be used by one person
twice: such answers are counted apart.
"""
