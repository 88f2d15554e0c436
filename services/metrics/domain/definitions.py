"""What each figure means. A definition never changes: a figure that means something else gets a new id."""

from dataclasses import dataclass
from typing import Literal

Unit = Literal[
    "orders",
    "refunds",
    "customers",
    "days",
    "money",
    "ratio",
    "date",
    "state",
    "points",
    "percent",
    "score",
    "seconds",
    "purchases",
    "probability",
    "subscriptions",
    "count",
]


@dataclass(frozen=True, slots=True)
class Definition:
    """The meaning of one figure, in English and Vietnamese."""

    id: str
    unit: Unit
    en: str
    vi: str


_ALL: tuple[Definition, ...] = (
    Definition(
        "orders.v1",
        "orders",
        "Orders placed on or before the day, without cancelled ones. An order counts on the local day it was placed.",
        "Số đơn đã đặt tính đến hết ngày, không kể đơn bị hủy. Đơn được tính vào ngày đặt theo giờ địa phương.",
    ),
    Definition(
        "gross.v1",
        "money",
        "Totals of these orders in one currency, on the day each was placed; a corrected total replaces the earlier.",
        "Tổng giá trị các đơn đó theo một loại tiền, tính vào ngày đặt; giá trị sửa sau thay giá trị trước.",
    ),
    Definition(
        "refunds.v1",
        "money",
        "Money given back for these orders, on the day of each refund, at most the order's total.",
        "Tiền đã hoàn cho các đơn đó, tính vào ngày hoàn, không vượt quá giá trị đơn.",
    ),
    Definition("net.v1", "money", "gross.v1 − refunds.v1.", "gross.v1 − refunds.v1."),
    Definition(
        "average_order_value.v1",
        "money",
        "gross.v1 / orders of the same currency.",
        "gross.v1 / số đơn cùng loại tiền.",
    ),
    Definition(
        "unmatched_refunds.v1",
        "refunds",
        "Refunds that are in no sum, or not wholly: their order is not known, was paid in another currency, or more "
        "was given back than it had cost.",
        "Số lần hoàn tiền không được cộng, hoặc chỉ cộng một phần: chưa biết đơn, đơn trả bằng loại tiền khác, hoặc "
        "số tiền hoàn vượt quá giá trị đơn.",
    ),
    Definition(
        "customers.v1",
        "customers",
        "People with a purchase on or before the day. A purchase is an order neither cancelled nor fully refunded, "
        "as known now. People known under several ids count once.",
        "Số người có mua hàng tính đến hết ngày. Mua hàng là đơn không bị hủy và không bị hoàn toàn bộ, theo những gì "
        "đã biết. Người có nhiều mã chỉ tính một lần.",
    ),
    Definition(
        "active_customers.v1",
        "customers",
        "Customers whose last purchase lies within the last `window_days` days, the day itself included.",
        "Khách có lần mua cuối trong `window_days` ngày gần nhất, kể cả ngày đang xét.",
    ),
    Definition(
        "lapsed_customers.v1",
        "customers",
        "customers.v1 − active_customers.v1: no purchase for at least `window_days` days.",
        "customers.v1 − active_customers.v1: không mua hàng ít nhất `window_days` ngày.",
    ),
    Definition(
        "lapse_rate.v1",
        "ratio",
        "lapsed_customers.v1 / customers.v1 (churn by inactivity), with Wilson's 95 % interval.",
        "lapsed_customers.v1 / customers.v1 (tỷ lệ rời bỏ do không mua lại), khoảng tin cậy Wilson 95 %.",
    ),
    Definition(
        "repeat_purchase_rate.v1",
        "ratio",
        "Customers with at least two purchases on or before the day / customers.v1, with Wilson's 95 % interval.",
        "Khách có từ hai lần mua trở lên tính đến hết ngày / customers.v1, khoảng tin cậy Wilson 95 %.",
    ),
    Definition(
        "historical_clv.v1",
        "money",
        "net.v1 × margin; in total, the mean over customers.v1. Neither predicted nor discounted.",
        "net.v1 × biên lợi nhuận; ở mức tổng là trung bình trên customers.v1. Không dự báo, không chiết khấu.",
    ),
    Definition(
        "historical_clv_converted.v1",
        "money",
        "historical_clv.v1 over orders of all currencies, each order and each refund at the rate of exchange that held "
        "on its own day; the mean over customers.v1. Cannot be said while a rate is lacking.",
        "historical_clv.v1 trên đơn của mọi loại tiền, mỗi đơn và mỗi lần hoàn tiền theo tỷ giá của chính ngày đó; "
        "trung bình trên customers.v1. Không thể tính khi còn thiếu tỷ giá.",
    ),
    Definition(
        "new.v1",
        "customers",
        "Customers whose first purchase lies in the period.",
        "Khách mua lần đầu trong kỳ.",
    ),
    Definition(
        "returning.v1",
        "customers",
        "Customers who bought in the period and in the one before.",
        "Khách mua trong kỳ và cả kỳ liền trước.",
    ),
    Definition(
        "resurrecting.v1",
        "customers",
        "Customers who bought in the period, not in the one before, but earlier.",
        "Khách mua trong kỳ, không mua kỳ liền trước nhưng đã mua trước đó.",
    ),
    Definition(
        "dormant.v1",
        "customers",
        "Customers who bought in the period before and not (yet) in this one.",
        "Khách đã mua kỳ liền trước nhưng (chưa) mua trong kỳ này.",
    ),
    Definition(
        "first_order.v1", "date", "Day of the first order of orders.v1.", "Ngày của đơn đầu tiên trong orders.v1."
    ),
    Definition(
        "last_order.v1", "date", "Day of the last order of orders.v1.", "Ngày của đơn cuối cùng trong orders.v1."
    ),
    Definition("active_days.v1", "days", "Days with at least one purchase.", "Số ngày có ít nhất một lần mua."),
    Definition("inactive_days.v1", "days", "Days since the last purchase.", "Số ngày kể từ lần mua cuối."),
    Definition(
        "lapse_state.v1",
        "state",
        "`active` if the last purchase lies within the last `window_days` days, else `lapsed`; `none` without any.",
        "`active` nếu lần mua cuối trong `window_days` ngày gần nhất, nếu không là `lapsed`; `none` nếu chưa mua.",
    ),
    Definition(
        "lifecycle_state.v1",
        "state",
        "`new`, `returning`, `resurrecting` or `dormant` as defined above; `inactive` if the last purchase lies before "
        "the period before; `none` without any.",
        "`new`, `returning`, `resurrecting` hoặc `dormant` như trên; `inactive` nếu lần mua cuối trước kỳ liền trước; "
        "`none` nếu chưa mua.",
    ),
    Definition(
        "delivery_gap.v1",
        "points",
        "Share of staff who gave one of the two highest scores in their customers' place, less the share of customers "
        "who did, in points, with Newcombe's 95 % interval; above zero is overestimation.",
        "Tỷ lệ nhân viên chọn một trong hai điểm cao nhất khi trả lời thay khách hàng, trừ tỷ lệ khách hàng chọn như "
        "vậy, tính bằng điểm, khoảng tin cậy Newcombe 95 %; trên 0 là đánh giá quá cao.",
    ),
    Definition(
        "nps_prediction_gap.v1",
        "points",
        "Mean NPS that staff predicted, less the NPS of the customers of the period, in points; the interval is that "
        "of the customers' NPS (adjusted Wald, 95 %).",
        "NPS trung bình mà nhân viên dự đoán, trừ NPS của khách hàng trong kỳ, tính bằng điểm; khoảng tin cậy là của "
        "NPS khách hàng (Wald hiệu chỉnh, 95 %).",
    ),
    Definition(
        "promise_kept.v1",
        "ratio",
        "Promises that fell due in the period and were kept in time / those kept, done late, or not done and past "
        "due, with Wilson's 95 % interval. The first promise holds.",
        "Số lời hứa đến hạn trong kỳ và được giữ đúng hạn / số đúng hạn, trễ hạn hoặc quá hạn mà chưa thực hiện, "
        "khoảng tin cậy Wilson 95 %. Lời hứa đầu tiên là lời hứa được tính.",
    ),
    Definition(
        "promise_lateness.v1",
        "seconds",
        "Median of how long after it was due a promise of promise_kept.v1 that was done late was done.",
        "Trung vị của thời gian trễ so với hạn, của các lời hứa trễ hạn trong promise_kept.v1.",
    ),
    Definition(
        "net_revenue_retention.v1",
        "ratio",
        "Net revenue of the period from customers with an order in the period before / all net revenue of the period "
        "before (NRR). Net of refunds, each on its day; customers are people under all their ids.",
        "Doanh thu thuần trong kỳ từ khách có đơn ở kỳ trước / toàn bộ doanh thu thuần kỳ trước (NRR). Đã trừ hoàn "
        "tiền theo ngày hoàn; khách là người, dưới mọi mã của họ.",
    ),
    Definition(
        "earned_new_customers.v1",
        "ratio",
        "Net revenue of the period from new customers whom somebody brought (they say so, or a referral came true) / "
        "all net revenue of the period before (ENC). New: the first order of all is after the period before.",
        "Doanh thu thuần trong kỳ từ khách mới do người khác giới thiệu (họ nói vậy, hoặc có lượt giới thiệu thành "
        "công) / toàn bộ doanh thu thuần kỳ trước (ENC). Mới: đơn đầu tiên là sau kỳ trước.",
    ),
    Definition(
        "bought_new_customers.v1",
        "ratio",
        "The same for new customers whom advertising, a promotion or a sale brought, as they say.",
        "Tương tự, với khách mới đến nhờ quảng cáo, khuyến mãi hoặc bán hàng, theo lời họ.",
    ),
    Definition(
        "reactivated_revenue.v1",
        "ratio",
        "The same for everybody else: customers of before without an order in the period before, and money back to "
        "customers of neither.",
        "Tương tự, với những người còn lại: khách cũ không có đơn ở kỳ trước, và tiền hoàn cho khách không thuộc hai "
        "kỳ.",
    ),
    Definition(
        "revenue_growth.v1",
        "ratio",
        "Net revenue of the period / that of the period before − 1: the sum of the four above, and of new customers "
        "of whom it is not known, − 1.",
        "Doanh thu thuần trong kỳ / kỳ trước − 1: tổng của bốn phần trên và của khách mới chưa rõ, trừ 1.",
    ),
    Definition(
        "earned_growth_rate.v1",
        "ratio",
        "net_revenue_retention.v1 + earned_new_customers.v1 − 1. Its low end takes nobody of whom it is not known for "
        "earned, its high end everybody.",
        "net_revenue_retention.v1 + earned_new_customers.v1 − 1. Cận dưới không tính khách chưa rõ là do giới thiệu, "
        "cận trên tính tất cả.",
    ),
    Definition(
        "earned_growth_ratio.v1",
        "ratio",
        "earned_growth_rate.v1 / revenue_growth.v1; null without growth.",
        "earned_growth_rate.v1 / revenue_growth.v1; không có nếu không tăng trưởng.",
    ),
    Definition(
        "predicted_clv.v1",
        "money",
        "Expected purchases within the horizon, each discounted to the day, times the expected spend of each, times "
        "the margin; per customer. Purchases by BG/NBD, MBG/NBD or Pareto/NBD, whichever did best in the back-test; "
        "spend by Gamma-Gamma. Customers whose purchases are all in this currency.",
        "Số lần mua kỳ vọng trong thời hạn, chiết khấu về ngày xét, nhân giá trị kỳ vọng mỗi lần, nhân biên lợi nhuận; "
        "trên mỗi khách. Lần mua theo BG/NBD, MBG/NBD hoặc Pareto/NBD, mô hình tốt nhất khi thử trên quá khứ; giá trị "
        "theo Gamma-Gamma. Chỉ khách mua bằng một loại tiền này.",
    ),
    Definition(
        "predicted_clv_total.v1", "money", "The sum of predicted_clv.v1.", "Tổng của predicted_clv.v1 trên mọi khách."
    ),
    Definition(
        "expected_purchases.v1",
        "purchases",
        "Days with a purchase that are expected within the horizon.",
        "Số ngày có mua hàng được kỳ vọng trong thời hạn.",
    ),
    Definition(
        "expected_buyers.v1",
        "customers",
        "Customers expected to buy within the horizon: the sum of 1 − churn_risk.v1.",
        "Số khách được kỳ vọng sẽ mua trong thời hạn: tổng của 1 − churn_risk.v1.",
    ),
    Definition(
        "expected_alive.v1",
        "customers",
        "Customers expected to be customers still, whether they buy within the horizon or not: the sum of alive.v1.",
        "Số khách được kỳ vọng vẫn còn là khách, dù có mua trong thời hạn hay không: tổng của alive.v1.",
    ),
    Definition(
        "churn_risk.v1",
        "probability",
        "How likely it is that nothing is bought within the horizon. It can be seen to come true or not.",
        "Xác suất không mua gì trong thời hạn. Có thể kiểm chứng được.",
    ),
    Definition(
        "alive.v1",
        "probability",
        "How likely it is that somebody still is a customer, by MBG/NBD or Pareto/NBD; never by BG/NBD, which says 1 "
        "of everybody who bought once.",
        "Xác suất vẫn còn là khách, theo MBG/NBD hoặc Pareto/NBD; không theo BG/NBD vì mô hình này cho 1 với mọi khách "
        "chỉ mua một lần.",
    ),
    Definition(
        "expected_spend.v1",
        "money",
        "What the next purchase is expected to be: between one's own mean after the first day and everybody's.",
        "Giá trị kỳ vọng của lần mua tới: giữa trung bình của riêng khách sau ngày đầu và của tất cả.",
    ),
    Definition(
        "lapse_window.v1",
        "days",
        "The days of silence after which a customer is best taken for lapsed. By `share`: by then that share of all "
        "returns has come that are seen to come as long as enough are watched. By `at_most`: the fewest days at which "
        "false_churn.v1, with the high end of its interval, is no higher.",
        "Số ngày im lặng mà sau đó nên coi khách đã rời bỏ. Theo `share`: đến lúc đó đã có tỷ lệ này trong mọi lần "
        "quay lại quan sát được. Theo `at_most`: số ngày nhỏ nhất mà false_churn.v1, kể cả cận trên, không vượt quá.",
    ),
    Definition(
        "false_churn.v1",
        "ratio",
        "Of those who lapsed, having bought nothing for `window_days` days after a purchase, the share that buys again "
        "within the `horizon_days` after: 1 − S(window + horizon) / S(window), S by Kaplan-Meier over all silences, "
        "with Greenwood's 95 % interval, or the jackknife's over 16 groups of persons where that is wider. Who lapsed "
        "lately counts for as long as they were watched; numerator and denominator are returns and lapses seen. "
        "Somebody who lapses twice counts twice.",
        "Trong những lần rời bỏ (không mua `window_days` ngày sau một lần mua), tỷ lệ mua lại trong `horizon_days` "
        "ngày kế tiếp: 1 − S(cửa sổ + thời hạn) / S(cửa sổ), S theo Kaplan-Meier, khoảng tin cậy Greenwood 95 %. Khách "
        "mới rời bỏ chỉ được tính trong thời gian đã quan sát; tử số và mẫu số là số lần quay lại và rời bỏ đã thấy.",
    ),
    Definition(
        "false_churn_seen.v1",
        "ratio",
        "Of the customers who had lapsed at the end of the day `horizon_days` ago, those who bought since, with "
        "Wilson's 95 % interval. All of them were watched equally long: nothing is estimated.",
        "Trong số khách đã rời bỏ tính đến hết ngày cách đây `horizon_days` ngày, số đã mua lại từ đó, khoảng tin cậy "
        "Wilson 95 %. Mọi khách được quan sát như nhau, không có ước lượng.",
    ),
    Definition(
        "buyers.v1",
        "customers",
        "Customers who bought in the period: new.v1 + returning.v1 + resurrecting.v1.",
        "Khách có mua trong kỳ: new.v1 + returning.v1 + resurrecting.v1.",
    ),
    Definition(
        "buyers_change.v1",
        "customers",
        "new.v1 + resurrecting.v1 − dormant.v1: buyers.v1 of the period less that of the one before.",
        "new.v1 + resurrecting.v1 − dormant.v1: buyers.v1 của kỳ trừ kỳ liền trước.",
    ),
    Definition(
        "cohort_customers.v1",
        "customers",
        "Customers whose first purchase lies in the period.",
        "Khách có lần mua đầu tiên trong kỳ.",
    ),
    Definition(
        "retention_on.v1",
        "ratio",
        "Customers of a cohort who bought in the period so many after their first / all of the cohort, with Wilson's "
        "95 % interval. Over cohorts: sums of both, of those whose period is over.",
        "Khách của nhóm mua trong kỳ thứ n sau kỳ đầu / toàn nhóm, khoảng tin cậy Wilson 95 %. Gộp nhiều nhóm: tổng "
        "tử số / tổng mẫu số, chỉ các nhóm mà kỳ đó đã kết thúc.",
    ),
    Definition(
        "retention_on_or_after.v1",
        "ratio",
        "The same for who bought in that period or in any later one up to the day (unbounded). It still grows.",
        "Tương tự, mua trong kỳ đó hoặc bất kỳ kỳ nào sau đến ngày xét (không giới hạn). Con số này còn có thể tăng.",
    ),
    Definition(
        "retention_every.v1",
        "ratio",
        "The same for who bought in that period and in each one since the first.",
        "Tương tự, mua trong kỳ đó và trong mọi kỳ kể từ kỳ đầu.",
    ),
    Definition(
        "repeat_within.v1",
        "ratio",
        "Of customers whose first order is at least `within_days` days ago, those with a second within that many, with "
        "Wilson's 95 % interval. Orders as in customers.v1; two of one day count as two.",
        "Trong số khách có đơn đầu cách đây ít nhất `within_days` ngày, số có đơn thứ hai trong khoảng đó, khoảng tin "
        "cậy Wilson 95 %. Hai đơn cùng ngày tính là hai.",
    ),
    Definition(
        "reordered.v1",
        "ratio",
        "The share of those with an `nth` order who have the next one within so many days, by Kaplan-Meier: who is "
        "still waiting counts for as long as they have waited. With Greenwood's 95 % interval (log −log).",
        "Tỷ lệ khách có đơn thứ `nth` đã đặt đơn kế tiếp trong số ngày đó, theo Kaplan-Meier: khách còn đang chờ được "
        "tính trong thời gian đã chờ. Khoảng tin cậy Greenwood 95 % (log −log).",
    ),
    Definition(
        "time_to_next_order.v1",
        "days",
        "The days by which reordered.v1 reaches `share`, with the days between which it lies (95 %, Brookmeyer and "
        "Crowley); null where it is not reached while anybody was watched.",
        "Số ngày mà reordered.v1 đạt `share`, với khoảng tin cậy 95 % (Brookmeyer–Crowley); không có nếu chưa đạt.",
    ),
    Definition(
        "rfm_customers.v1",
        "customers",
        "Customers, whose purchases are all in one currency, by recency and frequency: scores 1 to 5 by quintile of "
        "the day of the last purchase; 1 for a single order, 2 to 5 by quarter of those who ordered again. Equal "
        "values have equal scores. Money, scored by quintile of net revenue, names no segment.",
        "Khách (mua bằng một loại tiền) theo độ gần và tần suất: điểm 1–5 theo ngũ phân vị của ngày mua cuối; tần suất "
        "1 nếu chỉ một đơn, 2–5 theo tứ phân vị của khách mua lại. Giá trị bằng nhau có điểm bằng nhau. Điểm tiền theo "
        "ngũ phân vị doanh thu thuần, không quyết định tên nhóm.",
    ),
    Definition(
        "rfm_share.v1",
        "ratio",
        "rfm_customers.v1 of the segment / those of all segments, with Wilson's 95 % interval.",
        "rfm_customers.v1 của nhóm / của mọi nhóm, khoảng tin cậy Wilson 95 %.",
    ),
    Definition(
        "rfm_net.v1",
        "money",
        "Net revenue, up to the day, of the customers of rfm_customers.v1.",
        "Doanh thu thuần đến ngày xét của khách trong rfm_customers.v1.",
    ),
    Definition(
        "rfm_segment.v1",
        "state",
        "The segment of rfm_customers.v1 that a customer's scores lie in, by the cut points of the day.",
        "Nhóm của rfm_customers.v1 theo điểm của khách, với các điểm cắt của ngày xét.",
    ),
)

DEFINITIONS: dict[str, Definition] = {each.id.partition(".")[0]: each for each in _ALL}
