// Where a population's state lies: four states of 16 bits in a word, or two of 32.

module state_place (
    input  logic        is_wide,
    input  logic [16:0] slot,             // the state's place in the memory, counted in states of its width
    output logic [14:0] address,
    output logic [1:0]  lane,             // the first of its lanes of 16 bits
    output logic [2:0]  in_word           // states from this one to the word's end
);
    assign address = is_wide ? slot[15:1] : slot[16:2];
    assign lane    = is_wide ? {slot[0], 1'b0} : slot[1:0];
    assign in_word = is_wide ? 3'd2 - {2'b0, slot[0]} : 3'd4 - {1'b0, slot[1:0]};
endmodule
