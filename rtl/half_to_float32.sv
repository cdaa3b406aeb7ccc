// A float16 as a float32: the same number.

module half_to_float32 (
    input  logic [15:0] half,
    output logic [31:0] single
);
    // Of a subnormal number, the zeros before its leading one.
    function automatic [3:0] zeros_before(input [9:0] number);
        integer i;
        zeros_before = 4'd10;
        for (i = 0; i < 10; i = i + 1) if (number[i]) zeros_before = 4'd9 - i[3:0];
    endfunction
    wire [3:0] zeros = zeros_before(half[9:0]);
    wire [9:0] fraction = half[9:0] << (zeros + 4'd1);

    assign single = half[14:10] == 5'd31 ? {half[15], 8'hff, half[9:0], 13'b0}
                  : half[14:10] != 0 ? {half[15], 8'd112 + {3'b0, half[14:10]}, half[9:0], 13'b0}
                  : half[9:0] != 0 ? {half[15], 8'd112 - {4'b0, zeros}, fraction, 13'b0}
                  : {half[15], 31'b0};
endmodule
