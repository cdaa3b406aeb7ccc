// Where the parts of a population's block begin: extension words, biases, axons, states.

module block_layout (
    input  logic [63:0] population,
    output logic [14:0] biases_at,
    output logic [14:0] axons_at,
    output logic [14:0] states_at
);
    wire [14:0] start = population[words::POPULATION_START_LSB +: words::POPULATION_START_BITS];
    wire [2:0] extensions = population[words::POPULATION_EXTENSIONS_LSB +: words::POPULATION_EXTENSIONS_BITS];
    wire [9:0] axons = {1'b0, population[words::POPULATION_AXONS_LSB +: words::POPULATION_AXONS_BITS]};
    wire [1:0] bias = population[words::POPULATION_BIAS_LSB +: words::POPULATION_BIAS_BITS];
    wire [9:0] depth_less_1 = population[words::POPULATION_DEPTH_LSB +: words::POPULATION_DEPTH_BITS];

    // Four float16 in a word, or two float32: (D - 1) / 4 + 1 words, or (D - 1) / 2 + 1.
    wire [9:0] bias_words = bias == words::BIAS_FLOAT16 ? {2'b0, depth_less_1[9:2]} + 10'd1
                          : bias == words::BIAS_FLOAT32 ? {1'b0, depth_less_1[9:1]} + 10'd1
                          : 10'd0;

    assign biases_at = start + {12'b0, extensions};
    assign axons_at  = biases_at + {5'b0, bias_words};
    assign states_at = axons_at + {5'b0, axons};
endmodule
