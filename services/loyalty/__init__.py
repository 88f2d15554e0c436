"""Points, tiers, rewards, vouchers, flash sales and referrals.

Owns        the ledger of points (double entry, never changed), lots and holds; tiers; rewards; voucher campaigns and
            codes (as keyed hashes), reservations and redemptions; flash sales and their claims; referrals.
            No personal data: person keys and facts.
Consumes    CustomerMerged, CustomerUnmerged; OrderPlaced, OrderChanged, OrderRefunded, OrderCancelled;
            TouchpointRecorded and SurveyAnswered where a rule asks for it; SegmentEntered, SegmentLeft; CustomerCreated
Publishes   PointsEarned, -Spent, -Expired, -Reversed, -Moved, -Expiring, -Transferred; HoldChanged, AdjustmentChanged;
            TierChanged, -Kept, -Granted, -Near; RewardStocked, -Ordered, -Fulfilled, -Cancelled;
            VoucherIssued, -Reserved, -Redeemed, -RolledBack; FlashClaimed; ReferralCompleted;
            AchievementReached, -Moved, -Lost
URLs        /v1/loyalty…

Invariants
* The postings of a transaction sum to zero, and are never changed.
* A wallet's balance is the sum of its lots and of its postings, and never below zero: what is owed is debt, apart.
* Everything belongs to the raw person key it came from; a person has what their keys have together. So a merge and an
  unmerge move nothing, and give back exactly what was there before.
* Redemptions that stand and live holds are never more than a limit, nor what they give more than a budget: counters
  are changed by statements that say the limit themselves, and are always what the rows come to.
* Of a flash sale's item, and of a reward, no more is taken than there is; of a referral nobody is paid twice, nor for
  themselves.
* A reservation ends once; of a redemption no more is undone than was redeemed, and once for a refund.

Rooms       programs/ the terms, in versions · points/ the ledger ·
            audience/ what rules ask of people · earning/ rules ·
            tiers/ · rewards/ · vouchers/ campaigns and codes · promotions/ what needs no code, and stacking ·
            checkout/ reservations ·
            flash/ flash sales · referrals/ · achievements/ what customers can reach · pools/ households ·
            reports/ what is owed · replays/ what is rebuilt from what was told · invariants/
"""
