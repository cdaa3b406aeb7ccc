// Of a kernel that lists its weights: which of them is stored next, and how many before it.
//
// Numbers of `each` bits lie end to end from bit `begins` on: how many weights are stored, less 1, and then
// the place of each. `goal` is the weight that is asked for: where `is_found`, of the `in_word` weights from
// there on the first is stored if `is_stored`, and no other; `rank` is how many are stored before it, `size`
// the bits of the whole list. Places are read one by one, through a window of two words; weights are asked
// for in rising order, and a lower one begins anew.

module kernel_list (
    input  logic        clock,
    input  logic        reset,
    input  logic        forget,           // another kernel
    input  logic        asks,
    input  logic [20:0] begins,
    input  logic [19:0] count,            // weights of the kernel, stored or not
    input  logic [17:0] goal,
    output logic        is_found,
    output logic        is_stored,
    output logic [6:0]  in_word,
    output logic [17:0] rank,
    output logic [20:0] size,
    // the core's memory
    output logic        read_request,
    output logic [14:0] read_address,
    input  logic        read_grant,
    input  logic        read_valid,
    input  logic [63:0] read_data
);
    function automatic [4:0] width(input [17:0] highest);
        integer i;
        width = 5'd1;
        for (i = 1; i < 18; i = i + 1) if (highest[i]) width = 5'(i + 1);
    endfunction

    wire [19:0] last = count - 20'd1;
    wire [4:0] each = width(last[17:0]);

    // The number that is looked at: 0 is the length, `index` - 1 places are behind.
    logic has_begun, has_passed;
    logic [18:0] index, length;
    logic [20:0] at_bit;
    logic [17:0] passed;                  // the place before

    // The window: words `window_at` and the one behind it.
    logic [14:0] window_at;
    logic [63:0] low, high;
    logic has_low, has_high, is_asked, is_high;
    wire [14:0] at_word = at_bit[20:6];
    wire is_split = {2'b0, at_bit[5:0]} + {3'b0, each} > 8'd64;
    wire is_here = has_low && window_at == at_word;
    wire is_behind = has_high && window_at + 15'd1 == at_word;
    wire is_complete = is_here && (has_high || !is_split);
    wire [127:0] window = {high, low} >> at_bit[5:0];
    wire [17:0] number = window[17:0] & ~(18'h3ffff << each);

    wire is_over = index > length;
    wire is_lower = has_passed && passed >= goal;
    wire is_length = index == 19'd0;
    wire needs = asks && has_begun && !is_lower && (is_length || !is_over);
    wire [17:0] ahead = number - goal;

    assign is_found     = asks && has_begun && !is_lower && !is_length && (is_over || (is_complete && number >= goal));
    assign is_stored    = !is_over && number == goal;
    assign in_word      = is_over || ahead > 18'd64 ? 7'd64 : is_stored ? 7'd1 : ahead[6:0];
    assign rank         = index[17:0] - 18'd1;
    assign size         = ({2'b0, length} + 21'd1) * {16'b0, each};
    assign read_request = needs && !is_complete && !is_behind && !is_asked;
    assign read_address = is_here ? at_word + 15'd1 : at_word;

    always_ff @(posedge clock) begin
        if (reset || forget) begin
            has_begun <= 1'b0;
            has_low <= 1'b0;
            has_high <= 1'b0;
            is_asked <= 1'b0;
        end else if (asks) begin
            if (read_request && read_grant) begin
                is_asked <= 1'b1;
                is_high <= is_here;
                if (!is_here) begin
                    window_at <= at_word;
                    has_low <= 1'b0;
                    has_high <= 1'b0;
                end
            end
            if (is_asked && read_valid) begin
                is_asked <= 1'b0;
                if (is_high) begin
                    high <= read_data;
                    has_high <= 1'b1;
                end else begin
                    low <= read_data;
                    has_low <= 1'b1;
                end
            end
            if (needs && is_behind) begin
                low <= high;
                window_at <= at_word;
                has_high <= 1'b0;
            end
            if (!has_begun) begin
                has_begun <= 1'b1;
                has_passed <= 1'b0;
                index <= 19'd0;
                at_bit <= begins;
            end else if (is_lower) begin
                has_passed <= 1'b0;
                index <= 19'd1;
                at_bit <= begins + {16'b0, each};
            end else if (needs && is_complete && (is_length || number < goal)) begin
                if (is_length) length <= {1'b0, number} + 19'd1;
                else begin
                    has_passed <= 1'b1;
                    passed <= number;
                end
                index <= index + 19'd1;
                at_bit <= at_bit + {16'b0, each};
            end
        end
    end
endmodule
