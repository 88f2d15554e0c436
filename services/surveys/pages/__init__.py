"""What people see of surveys: the hosted page behind a link, the widget in a shop, and what one click means.

Invariants
* A GET, a HEAD and an OPTIONS never change an answer: one click notes an intent, a POST with a page's nonce answers.
* Forged, expired and unknown links show one and the same page.
* Whatever somebody wrote, here or in a survey, is shown as text.
* Of an anonymous survey no click is noted: it would say who gave which score.
"""
