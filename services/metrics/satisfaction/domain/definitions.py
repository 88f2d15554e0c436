"""What each figure of satisfaction means."""

from services.metrics.domain.definitions import Definition

_ALL: tuple[Definition, ...] = (
    Definition(
        "nps.v1",
        "points",
        "Net promoter score: percent promoters (9, 10) less percent detractors (0 to 6), of answers from 0 to 10 given "
        "on the days asked for. Complete answers confirmed by a person count, of each person the newest to a question "
        "of a survey, unless others are asked for. Weighted by one over the share that was sampled. Interval: adjusted "
        "Wald, with ¾ promoter, 1½ passive and ¾ detractor added; two periods are compared by the same, taken as "
        "independent.",
        "Chỉ số NPS: phần trăm người ủng hộ (9, 10) trừ phần trăm người chê (0 đến 6), của các câu trả lời 0 đến 10 "
        "trong những ngày được hỏi. Chỉ tính câu trả lời hoàn tất do người xác nhận, mỗi người lấy câu mới nhất cho "
        "mỗi câu hỏi của một khảo sát, trừ khi yêu cầu khác. Có trọng số theo tỷ lệ lấy mẫu. Khoảng tin cậy Wald hiệu "
        "chỉnh; hai kỳ được so sánh như hai mẫu độc lập.",
    ),
    Definition(
        "csat.v1",
        "percent",
        "Percent of answers on the upper two steps of their scale (4 and 5 of five, 6 and 7 of seven); counted as "
        "nps.v1 counts. Interval: Wilson; differences: Newcombe, tested by the pooled score test.",
        "Phần trăm câu trả lời ở hai bậc cao nhất của thang điểm (4 và 5 trên năm, 6 và 7 trên bảy); cách tính như "
        "nps.v1. Khoảng tin cậy Wilson; hiệu số theo Newcombe.",
    ),
    Definition(
        "ces_mean.v1",
        "score",
        "Mean of customer effort scores from 1 to 7 (7: it was easy); counted as nps.v1 counts. Interval: adjusted "
        "Wald, with three answers spread evenly over the scale added.",
        "Trung bình điểm nỗ lực của khách hàng từ 1 đến 7 (7: rất dễ dàng); cách tính như nps.v1.",
    ),
    Definition(
        "ces_pct_5_7.v1",
        "percent",
        "Percent of customer effort scores from 5 to 7; otherwise as ces_mean.v1, with Wilson's interval.",
        "Phần trăm điểm nỗ lực từ 5 đến 7; còn lại như ces_mean.v1, khoảng tin cậy Wilson.",
    ),
    Definition(
        "ces_net.v1",
        "points",
        "Percent of customer effort scores of 6 and 7 less percent of 1 to 3; otherwise as nps.v1.",
        "Phần trăm điểm nỗ lực 6 và 7 trừ phần trăm điểm 1 đến 3; còn lại như nps.v1.",
    ),
    Definition(
        "response_rate.v1",
        "ratio",
        "Of who was invited on the days asked for and reached: the share that has answered by now, wholly or in part, "
        "with Wilson's interval. Of anonymous surveys: the answers of these days.",
        "Trong số người được mời vào những ngày được hỏi và đã nhận được: tỷ lệ đã trả lời tính đến nay, toàn bộ hay "
        "một phần, khoảng tin cậy Wilson. Với khảo sát ẩn danh: số câu trả lời trong những ngày đó.",
    ),
    Definition(
        "completion_rate.v1",
        "ratio",
        "Of who has answered, wholly or in part: the share that has finished.",
        "Trong số người đã trả lời, toàn bộ hay một phần: tỷ lệ đã hoàn tất.",
    ),
)

SATISFACTION: dict[str, Definition] = {each.id.partition(".")[0]: each for each in _ALL}
