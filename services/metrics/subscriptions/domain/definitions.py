"""What each figure of subscriptions means."""

from services.metrics.domain.definitions import Definition

_ALL: tuple[Definition, ...] = (
    Definition(
        "subscribers.v1",
        "customers",
        "People with at least one subscription that counts at the end of the day: paid for, its trial over, and not "
        "ended, by the firm's policy. People known under several ids, or with several subscriptions, count once.",
        "Số người có ít nhất một gói đăng ký đang được tính vào cuối ngày: có trả tiền, đã hết dùng thử, chưa kết thúc "
        "theo chính sách của doanh nghiệp. Người có nhiều mã hoặc nhiều gói chỉ tính một lần.",
    ),
    Definition(
        "unpriced_subscriptions.v1",
        "subscriptions",
        "Subscriptions that count, but of which nobody said what they bring: they are in no sum of money.",
        "Số gói đang được tính nhưng không rõ giá: không nằm trong tổng tiền nào.",
    ),
    Definition(
        "mrr.v1",
        "money",
        "What all subscriptions that count at the end of the day bring in a month. A price for another interval is "
        "brought to a month, once for each subscription, rounded half to even to a whole minor unit: 100.00 a year are "
        "8.33. Without tax, one-off payments and refunds.",
        "Doanh thu định kỳ một tháng của mọi gói đang được tính vào cuối ngày. Giá theo kỳ khác được quy về tháng, một "
        "lần cho mỗi gói, làm tròn đến đơn vị nhỏ nhất: 100,00 một năm là 8,33. Không gồm khoản trả một lần.",
    ),
    Definition("arr.v1", "money", "12 × mrr.v1.", "12 × mrr.v1."),
    Definition(
        "arpa.v1",
        "money",
        "mrr.v1 / subscribers.v1, all subscribers, whatever they pay in.",
        "mrr.v1 / subscribers.v1 (mọi người đăng ký).",
    ),
    Definition(
        "subscribers_start.v1",
        "customers",
        "subscribers.v1 of the day before the first.",
        "subscribers.v1 của ngày liền trước.",
    ),
    Definition(
        "subscribers_new.v1",
        "customers",
        "People who subscribed within the days for the first time ever.",
        "Số người đăng ký lần đầu trong khoảng ngày.",
    ),
    Definition(
        "subscribers_reactivated.v1",
        "customers",
        "Comings back, within the days, of people who had left.",
        "Số lần quay lại trong khoảng ngày của người đã rời bỏ.",
    ),
    Definition(
        "subscribers_churned.v1",
        "customers",
        "Departures within the days: somebody whose last subscription ceased to count. Who left twice counts twice. "
        "start + new + reactivated − churned = end.",
        "Số lần rời bỏ trong khoảng ngày: gói cuối cùng của một người không còn được tính. Rời bỏ hai lần tính hai.",
    ),
    Definition(
        "churn_standard.v1",
        "ratio",
        "Subscribers there when the first day began, who left and had not come back by the end of the last day / all "
        "who were there then (ChartMogul's standard formula): who joined and left, or left and came back within the "
        "days, has not churned. With Wilson's 95 % interval.",
        "Người đăng ký có mặt đầu ngày đầu tiên, đã rời bỏ và chưa quay lại đến hết ngày cuối / tất cả người có mặt "
        "lúc đó (công thức chuẩn của ChartMogul), khoảng tin cậy Wilson 95 %.",
    ),
    Definition(
        "churn_rolling.v1",
        "ratio",
        "Departures of the last `days` days / subscribers before them + all who came or came back within them (as "
        "Stripe): who joined and left is in both, a second departure counts again. With Wilson's 95 % interval.",
        "Số lần rời bỏ trong `days` ngày gần nhất / người đăng ký trước đó + người mới hoặc quay lại trong khoảng đó "
        "(Stripe), khoảng tin cậy Wilson 95 %.",
    ),
    Definition(
        "churn_daily.v1",
        "ratio",
        "The sum, over the days, of those who left / those there in the morning (ChartMogul's Shopify formula, of who "
        "was there). `numerator` is who left, `denominator` the mornings of all of them together. It may exceed 1.",
        "Tổng theo ngày của số rời bỏ / số có mặt đầu ngày (công thức Shopify của ChartMogul). Mẫu số là tổng số lượt "
        "có mặt đầu ngày. Có thể lớn hơn 1.",
    ),
    Definition(
        "churned_by_cause.v1",
        "ratio",
        "Departures of that cause / all within the days, with Wilson's 95 % interval. Involuntary: a payment was "
        "refused and not mended. Voluntary: asked for, paused, or gone to a plan that costs nothing.",
        "Số lần rời bỏ vì lý do đó / tổng số lần, khoảng tin cậy Wilson 95 %. Không tự nguyện: thanh toán bị từ chối. "
        "Tự nguyện: khách yêu cầu, tạm dừng, hoặc chuyển sang gói miễn phí.",
    ),
    Definition(
        "revenue_churn_gross.v1",
        "ratio",
        "Churned and contracted MRR of the days / MRR when the first began.",
        "MRR mất do rời bỏ và giảm gói trong khoảng ngày / MRR đầu kỳ.",
    ),
    Definition(
        "revenue_churn_net.v1",
        "ratio",
        "Churned and contracted less expanded and reactivated MRR of the days / MRR when the first began. Below zero: "
        "those who were there bring more than was lost.",
        "MRR mất trừ MRR tăng gói và quay lại trong khoảng ngày / MRR đầu kỳ. Âm: khách cũ mang lại nhiều hơn đã mất.",
    ),
    Definition(
        "revenue_churn_daily.v1",
        "ratio",
        "The sum, over the days, of churned and contracted MRR / MRR of the morning.",
        "Tổng theo ngày của MRR mất / MRR đầu ngày.",
    ),
    Definition(
        "revenue_churn_net_daily.v1",
        "ratio",
        "The sum, over the days, of MRR lost less MRR expanded and reactivated / MRR of the morning.",
        "Tổng theo ngày của (MRR mất − MRR tăng gói và quay lại) / MRR đầu ngày.",
    ),
    Definition(
        "quick_ratio.v1",
        "ratio",
        "New, expanded and reactivated MRR / churned and contracted MRR of the days.",
        "MRR mới, tăng gói, quay lại / MRR rời bỏ, giảm gói trong khoảng ngày.",
    ),
    Definition("mrr_start.v1", "money", "mrr.v1 of the day before the first.", "mrr.v1 của ngày liền trước."),
    Definition("mrr_new.v1", "money", "MRR of who subscribed for the first time.", "MRR của người đăng ký lần đầu."),
    Definition(
        "mrr_reactivation.v1",
        "money",
        "MRR of who came back after having left.",
        "MRR của người quay lại sau khi rời bỏ.",
    ),
    Definition(
        "mrr_expansion.v1",
        "money",
        "What subscribers bring more than at the end of the day before. A further subscription is expansion.",
        "Phần MRR tăng thêm của người đang đăng ký so với cuối ngày trước.",
    ),
    Definition(
        "mrr_contraction.v1",
        "money",
        "What subscribers who stay bring less, below zero. One of several subscriptions cancelled is contraction.",
        "Phần MRR giảm đi của người vẫn đăng ký (số âm). Hủy một trong nhiều gói là giảm gói.",
    ),
    Definition("mrr_churn.v1", "money", "MRR of who left, below zero.", "MRR của người rời bỏ (số âm)."),
    Definition(
        "mrr_fx.v1",
        "money",
        "What new rates of exchange make of revenue that was there already, and what rounding leaves (half a minor "
        "unit for each row at most): start + movements + this = end, exactly. Zero in a single currency.",
        "Ảnh hưởng của tỷ giá mới lên doanh thu đã có, và phần lẻ do làm tròn: đầu kỳ + biến động + dòng "
        "này = cuối kỳ.",
    ),
    Definition("mrr_end.v1", "money", "mrr.v1 of the last day.", "mrr.v1 của ngày cuối."),
    Definition(
        "trial_conversion.v1",
        "ratio",
        "Trials that went on paying / trials that ended within the days, with Wilson's 95 % interval. A trial that did "
        "not is no churn.",
        "Số lần dùng thử chuyển sang trả tiền / số lần dùng thử kết thúc, khoảng tin cậy Wilson 95 %.",
    ),
    Definition(
        "subscriber_retention.v1",
        "ratio",
        "Of the people who first subscribed in the month, those who subscribe at the end of the later month (of the "
        "day, in the running one), with Wilson's 95 % interval. Who came back counts.",
        "Trong số người đăng ký lần đầu trong tháng, số còn đăng ký vào cuối tháng sau đó, khoảng tin cậy Wilson 95 %.",
    ),
    Definition(
        "revenue_retention.v1",
        "ratio",
        "MRR of the people who first subscribed in the month, at the end of the later month / what they brought as "
        "they came (mrr_new.v1). Above 1: they bring more than they did.",
        "MRR của nhóm đăng ký lần đầu trong tháng, cuối tháng sau / khi mới đăng ký (mrr_new.v1).",
    ),
    Definition(
        "constant_rate_value.v1",
        "money",
        "arpa.v1 / monthly churn, the mean of churn_standard.v1 over the last six full months (ChartMogul's LTV). It "
        "takes churn to be the same for everybody and for ever, which it is not: shown to be held against.",
        "arpa.v1 / tỷ lệ rời bỏ tháng trung bình sáu tháng trọn gần nhất (LTV của ChartMogul). Giả định mọi khách rời "
        "bỏ như nhau; chỉ để so sánh.",
    ),
    Definition(
        "subscription_survival.v1",
        "ratio",
        "Subscriptions still there after so many renewals, by Kaplan-Meier: numerator and denominator are those that "
        "stayed at this renewal, and those that came to it.",
        "Tỷ lệ gói còn lại sau số lần gia hạn, theo Kaplan–Meier.",
    ),
    Definition(
        "subscription_value.v1",
        "money",
        "What the subscriptions there now are expected to pay at their renewals to come, discounted: sBG, or BdW where "
        "that is clearly likelier; with its 95 % interval of the model's parameters. Those already ending bring "
        "nothing. Without what is paid now.",
        "Số tiền kỳ vọng mà các gói hiện có sẽ trả ở các lần gia hạn tới, đã chiết khấu: sBG, hoặc BdW nếu rõ ràng khả "
        "dĩ hơn; kèm khoảng tin cậy 95 % của tham số mô hình.",
    ),
)

SUBSCRIPTION: dict[str, Definition] = {each.id.partition(".")[0]: each for each in _ALL}
