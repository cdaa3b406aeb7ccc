// Of a kernel that skips zeros: which weights are stored, and how many before each.
//
// The kernel's bits lie end to end from `begins` on, one for each weight. `goal` is the weight that is asked
// for: where `is_found`, `stored` are the bits from there to the end of the word, `in_word` how many bits
// these are, and `rank` is how many weights are stored before it. The bitmap is read word by word from its
// begin; weights are asked for in rising order, and a lower one begins anew.

module kernel_bitmap (
    input  logic        clock,
    input  logic        reset,
    input  logic        forget,           // another kernel
    input  logic        asks,
    input  logic [14:0] begins,
    input  logic [17:0] goal,
    output logic        is_found,
    output logic [63:0] stored,
    output logic [6:0]  in_word,
    output logic [17:0] rank,
    // the core's memory
    output logic        read_request,
    output logic [14:0] read_address,
    input  logic        read_grant,
    input  logic        read_valid,
    input  logic [63:0] read_data
);
    logic [63:0] bits;                    // word `number` of the bitmap
    logic [11:0] number;
    logic [17:0] earlier;                  // bits that are set in the words before it
    logic has_bits, is_asked;

    function automatic [6:0] ones(input [63:0] word);
        integer i;
        ones = 7'd0;
        for (i = 0; i < 64; i = i + 1) ones = ones + {6'b0, word[i]};
    endfunction

    assign is_found     = asks && has_bits && number == goal[17:6];
    assign stored       = bits >> goal[5:0];
    assign in_word      = 7'd64 - {1'b0, goal[5:0]};
    assign rank         = earlier + {11'b0, ones(bits & ~(64'hffffffffffffffff << goal[5:0]))};
    assign read_request = asks && !has_bits && !is_asked;
    assign read_address = begins + {3'b0, number};

    always_ff @(posedge clock) begin
        if (reset || forget) begin
            has_bits <= 1'b0;
            is_asked <= 1'b0;
            number <= 12'd0;
            earlier <= 18'd0;
        end else if (asks) begin
            if (read_request && read_grant) is_asked <= 1'b1;
            if (is_asked && read_valid) begin
                bits <= read_data;
                has_bits <= 1'b1;
                is_asked <= 1'b0;
            end
            if (has_bits && number != goal[17:6]) begin
                has_bits <= 1'b0;
                number <= number < goal[17:6] ? number + 12'd1 : 12'd0;
                earlier <= number < goal[17:6] ? earlier + {11'b0, ones(bits)} : 18'd0;
            end
        end
    end
endmodule
