// The bench: fills the memories, feeds frames, and says on stdout what happens (core_probe.sv).
//
// +folder=DIR holds memory_N.memh for each node of the mesh, steps.memh, places.memh (the nodes of the
// image's cores) and inputs_F.memh: of frame F, the values of its input populations, in the order in which
// they fire. +frames=F, +steps=S, +limit=C: no step takes more cycles. A line `step CYCLE STEP NODE ORDER POPULATION` stands before what a step
// does; `frame CYCLE` ends a frame, `limit CYCLE` a step that does not end; `core ..` lines of counters end
// the run.

module bench;
    parameter MESH_X = 1;
    parameter MESH_Y = 1;
    parameter CORE_WORDS = 32768;
    parameter INPUTS = 1 << 20;           // values of a frame, at most
    localparam NODES = MESH_X * MESH_Y;

    logic clock = 1'b0, reset = 1'b1;
    logic [15:0] steps_used = 0;
    wire frame_done, in_ready;
    always #1 clock <= !clock;

    logic [15:0] inputs [0:INPUTS-1];
    integer fed = 0, frames = 1, frame = 0, cycle = 0, began = 0, limit = 0;

    chip #(.MESH_X(MESH_X), .MESH_Y(MESH_Y), .CORE_WORDS(CORE_WORDS)) chip (
        .clock(clock), .reset(reset), .run(1'b1), .steps_used(steps_used), .frame_done(frame_done),
        .in_valid(1'b1), .in_ready(in_ready), .in_value(inputs[fed])
    );

    string folder;
    genvar n;
    generate
        for (n = 0; n < NODES; n = n + 1) begin : loads
            string file;
            initial begin
                if ($value$plusargs("folder=%s", file))
                    $readmemh($sformatf("%s/memory_%0d.memh", file, n), chip.nodes[n].core.memory.cells);
            end
            always @(posedge clock) if (frame_done && frame + 1 == frames) chip.nodes[n].core.probe.report;
        end
    endgenerate

    initial begin
        if (!$value$plusargs("folder=%s", folder)) $fatal(1, "no +folder");
        if (!$value$plusargs("frames=%d", frames)) $fatal(1, "no +frames");
        if (!$value$plusargs("steps=%d", steps_used)) $fatal(1, "no +steps");
        if (!$value$plusargs("limit=%d", limit)) $fatal(1, "no +limit");
        $readmemh({folder, "/steps.memh"}, chip.sequencer.steps);
        $readmemh({folder, "/places.memh"}, chip.sequencer.places);
        $readmemh({folder, "/inputs_0.memh"}, inputs);
        repeat (4) @(posedge clock);
        @(negedge clock) reset = 1'b0;
    end

    always @(posedge clock) if (!reset) begin
        cycle <= cycle + 1;
        if (in_ready) fed <= fed + 1;
        if (chip.start) $display("step %0d %0d %0d %0d %0d",
            cycle, chip.step, chip.node, chip.order, chip.population_at);
        if (chip.start) began <= cycle;
        if (cycle - began > limit) begin
            $display("limit %0d", cycle);
            $finish;
        end
        if (frame_done) begin
            $display("frame %0d", cycle);
            frame <= frame + 1;
            fed <= 0;
            if (frame + 1 == frames) $finish;
            else $readmemh($sformatf("%s/inputs_%0d.memh", folder, frame + 1), inputs);
        end
    end
endmodule
