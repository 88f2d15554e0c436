"""What we asked and what they answered: surveys, whom they ask and when, answers, and the cases that close the loop.

Owns        surveys in versions; decisions, the contact budget and invitations; responses with what somebody wrote;
            intents of one-click scores; cases; waves of the mirror survey.
Consumes    TouchpointRecorded and the money facts (triggers); ConsentChanged; SegmentEntered, SegmentLeft;
            CustomerMerged, CustomerUnmerged
Publishes   SurveyPublished, -Invited, -Delivered, -Expired, -Answered; CaseOpened, -Changed, -Escalated, -Closed,
            -Recovered; MirrorWaveClosed, MirrorAnswered
URLs        /v1/surveys…, /v1/invitations…, /v1/responses…, /v1/cases…, /s/… (pages for people)

Invariants
* One answer for an invitation, whatever is sent again or killed; a GET never changes an answer.
* Each candidate has one decision, with its reason; nobody is asked more often than their budget says, in any window,
  whoever they turn out to be.
* A qualifying answer opens one case, and one only; each step of a case escalates once.
* Nothing leads from an anonymous answer to who gave it.
* Everything belongs to the raw person key it came from: a merge and an unmerge move nothing.

Rooms       definitions/ surveys, versions, bank, library · asking/ whom and when · links/ what stands in a link ·
            answers/ responses and what they say · pages/ for people, and mail · cases/ the closed loop ·
            mirror/ what staff thinks · rights/
"""
