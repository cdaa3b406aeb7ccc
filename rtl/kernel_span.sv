// One axis of the ESU's walk: the first and the last position of a kernel that meets the target.
//
// Position d stands at begins + d, in the coordinates before the stride; it hits where that lies in
// 0 .. size * 2^sl - 1 and is a multiple of 2^sl.

module kernel_span (
    input  logic signed [9:0] begins,
    input  logic [7:0]        size_less_1,
    input  logic [3:0]        kernel_less_1,
    input  logic              sl,
    output logic [4:0]        first,
    output logic [4:0]        last,
    output logic              hits
);
    wire signed [11:0] begin_wide = {{2{begins[9]}}, begins};
    wire signed [11:0] size_last = sl ? $signed({3'b0, size_less_1, 1'b1}) : $signed({4'b0, size_less_1});
    wire signed [11:0] last_wide = size_last - begin_wide;
    wire signed [11:0] kernel_last = $signed({8'b0, kernel_less_1});
    wire signed [11:0] first_wide = begin_wide < 0 ? -begin_wide : sl && begins[0] ? 12'sd1 : 12'sd0;
    wire signed [11:0] least = last_wide < kernel_last ? last_wide : kernel_last;

    assign first = first_wide[4:0];
    assign last  = least[4:0];
    assign hits  = first_wide <= least;
endmodule
