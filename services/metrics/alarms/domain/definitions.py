"""What the figures of alarms mean."""

from services.metrics.domain.definitions import Definition

_ALL: tuple[Definition, ...] = (
    Definition(
        "reached_lapse.v1",
        "percent",
        "Of the customers who bought on the day `window_days` days before: the percent who have bought nothing since, "
        "so that they reached the window on the day. Those who had ordered once are counted apart from all others, for "
        "they are at unlike risk.",
        "Trong số khách mua đúng `window_days` ngày trước: phần trăm chưa mua lại kể từ đó, tức vừa chạm ngưỡng không "
        "mua. Khách mới đặt một đơn được tính riêng vì rủi ro khác với khách cũ.",
    ),
    Definition(
        "lost_subscribers.v1",
        "percent",
        "Of the people who subscribed in the morning: the percent who had left by the end of the day, by the policy "
        "that says when a departure counts. 0.1 a day are about 3 a month.",
        "Trong số người đang đăng ký vào đầu ngày: phần trăm đã rời đi trước cuối ngày, theo chính sách ghi nhận. "
        "0,1 mỗi ngày tương đương khoảng 3 mỗi tháng.",
    ),
    Definition(
        "lost_revenue.v1",
        "percent",
        "Of the monthly recurring revenue of the morning, in one currency: the percent that churned or contracted "
        "within the day.",
        "Trong doanh thu định kỳ hằng tháng vào đầu ngày, theo một loại tiền: phần trăm bị mất do rời bỏ hoặc thu hẹp "
        "trong ngày.",
    ),
    Definition(
        "alarm_statistic.v1",
        "score",
        "CUSUM of log-likelihood ratios: how much the days since it was last at zero speak for a change of the size "
        "looked for, against the level of the weeks before. Raised at the threshold, which leads to one false alarm in "
        "the stated number of days (ARL0) by the mean, the uncertainty of the level before counted in.",
        "CUSUM của log tỷ số hợp lý: bằng chứng của những ngày từ lần gần nhất bằng 0 cho một thay đổi cỡ cần tìm, so "
        "với mức của các tuần trước. Báo động khi chạm ngưỡng; trung bình một lần sai trong số ngày đã nêu (ARL0).",
    ),
)

ALARMS: dict[str, Definition] = {each.id.partition(".")[0]: each for each in _ALL}
