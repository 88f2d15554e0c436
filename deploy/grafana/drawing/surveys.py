"""The service that asks customers, and hears them."""

from drawing.every_service import of_service
from drawing.looks import Row, counted, lines

_ASKING = Row(
    "Asking and answering",
    (
        counted(
            "Decisions",
            "Candidates, asked or the reason why not.",
            ("sum by (reason) (rate(tam_surveys_decisions_total[5m]))", "{{reason}}"),
        ),
        counted("Answers", "By outcome.", ("sum by (outcome) (rate(tam_survey_answers_total[5m]))", "{{outcome}}")),
        counted(
            "Answers refused",
            "By reason.",
            ("sum by (code) (rate(tam_survey_answers_refused_total[5m]))", "{{code}}"),
        ),
        counted(
            "Mails",
            "By what became of them.",
            ("sum by (state) (rate(tam_surveys_mails_total[5m]))", "{{state}}"),
            ("sum by (state) (tam_surveys_mails_open)", "waiting: {{state}}"),
        ),
        counted(
            "Clicks",
            "Clicked invitations, by verdict: people and scanners.",
            ("sum by (verdict) (rate(tam_surveys_clicks_total[5m]))", "{{verdict}}"),
        ),
        lines(
            "Response rate",
            "Share of those reached in 90 days who answered.",
            ("max by (metric) (tam_metrics_survey_response_ratio)", "{{metric}}"),
            unit="percentunit",
            when_empty="nobody was invited",
        ),
    ),
)

DASHBOARD = of_service("surveys", _ASKING)
