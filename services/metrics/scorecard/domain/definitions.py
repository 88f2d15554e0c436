"""What the figures mean that the score card alone has."""

from services.metrics.domain.definitions import Definition

_ALL: tuple[Definition, ...] = (
    Definition(
        "period_revenue.v1",
        "money",
        "Totals of the orders of one currency placed on the days of the period, without cancelled ones; money back is "
        "not taken off.",
        "Tổng giá trị các đơn theo một loại tiền đặt trong kỳ, không kể đơn hủy; chưa trừ hoàn tiền.",
    ),
    Definition(
        "active_members.v1",
        "customers",
        "People who earned or spent points of the loyalty programme on the days of the period, whatever the wallet. "
        "People known under several ids count once.",
        "Số người tích hoặc tiêu điểm thành viên trong kỳ, ở bất kỳ ví nào. Người có nhiều mã chỉ tính một lần.",
    ),
    Definition(
        "points_earned.v1",
        "count",
        "Points of one wallet that came in on the days of the period, less those taken back on them.",
        "Số điểm của một ví được cộng trong kỳ, trừ số bị thu lại trong kỳ.",
    ),
    Definition(
        "points_redeemed.v1",
        "count",
        "Points of one wallet that were spent on the days of the period.",
        "Số điểm của một ví đã tiêu trong kỳ.",
    ),
    Definition(
        "redemption_rate.v1",
        "ratio",
        "points_redeemed.v1 / points_earned.v1; above 1 where older points are spent.",
        "points_redeemed.v1 / points_earned.v1; trên 1 nếu tiêu cả điểm cũ.",
    ),
    Definition(
        "complaints_opened.v1",
        "count",
        "Cases of unhappy customers that were opened on the days of the period.",
        "Số vụ việc của khách không hài lòng được mở trong kỳ.",
    ),
    Definition(
        "complaints_open.v1",
        "count",
        "Cases open at the end of the day: not closed, nor part of another. One that was reopened never ended.",
        "Số vụ việc còn mở vào cuối ngày: chưa đóng, cũng chưa gộp vào vụ khác. Vụ mở lại xem như chưa từng đóng.",
    ),
    Definition(
        "complaints_late.v1",
        "count",
        "Cases at the end of the day whose resolution was due on an earlier day, by the date set when they opened, "
        "and that are neither resolved nor closed.",
        "Số vụ việc vào cuối ngày đã quá ngày phải giải quyết (theo hạn lúc mở) mà chưa giải quyết hoặc đóng.",
    ),
    Definition(
        "contribution.v1",
        "points",
        "What one factor or part adds to the change of a figure between two periods. Factors by Shapley's mean over "
        "all orders of changing them; parts of a whole by their share and by their own rate. All of them sum to the "
        "change exactly.",
        "Phần mà một yếu tố đóng góp vào thay đổi của một chỉ số giữa hai kỳ. Yếu tố theo giá trị Shapley; bộ phận "
        "theo tỷ trọng và theo mức riêng. Tổng đúng bằng thay đổi.",
    ),
)

SCORECARD: dict[str, Definition] = {each.id.partition(".")[0]: each for each in _ALL}
