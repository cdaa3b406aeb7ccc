// The float16 nearest to a fixed-point number, ties to even, with subnormal numbers and infinities.
//
// `magnitude` counts units of 2^-26. Its last bit may stand for whatever lies below it: all numbers
// between two float16 neighbours, and the middle between them, are whole multiples of 2 units.

module round_half (
    input  logic        sign,
    input  logic [46:0] magnitude,
    output logic [15:0] half
);
    // Bits below the last place of the result: 2 for subnormal ones.
    function automatic [5:0] bits_below(input [46:0] number);
        integer i;
        bits_below = 6'd2;
        for (i = 13; i < 47; i = i + 1) if (number[i]) bits_below = i[5:0] - 6'd10;
    endfunction
    wire [5:0] drop = bits_below(magnitude);

    wire [46:0] kept_wide = magnitude >> drop;
    wire [10:0] kept = kept_wide[10:0];   // with the leading one, where the result is normal
    wire [46:0] below = magnitude << (6'd47 - drop);
    wire guard = below[46];
    wire sticky = below[45:0] != 0;
    wire round_up = guard && (sticky || kept[0]);

    // The leading one in `kept` adds 1 to the exponent, and so does a carry out of the fraction.
    wire [16:0] encoded = {1'b0, drop - 6'd2, 10'b0} + {6'b0, kept} + {16'b0, round_up};
    assign half = {sign, encoded >= 17'h7c00 ? 15'h7c00 : encoded[14:0]};
endmodule
