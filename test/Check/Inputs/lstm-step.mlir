// One training step of a small LSTM language model: embedding, cell in a scan, cross entropy, gradients, clipping, Adam.
func.func @train_step(%ids: tensor<3x4xi32> {graph.name = "ids", graph.role = "input"},
    %next: tensor<3x4xi32> {graph.name = "next", graph.role = "input"},
    %lr: tensor<f32> {graph.name = "lr", graph.role = "input"},
    %E: tensor<11x6xf32> {graph.name = "E", graph.role = "parameter"},
    %Wx: tensor<6x32xf32> {graph.name = "Wx", graph.role = "parameter"},
    %Wh: tensor<8x32xf32> {graph.name = "Wh", graph.role = "parameter"},
    %b: tensor<32xf32> {graph.name = "b", graph.role = "parameter"},
    %Wp: tensor<8x11xf32> {graph.name = "Wp", graph.role = "parameter"},
    %bp: tensor<11xf32> {graph.name = "bp", graph.role = "parameter"},
    %m_E: tensor<11x6xf32> {graph.name = "m.E", graph.role = "state"},
    %v_E: tensor<11x6xf32> {graph.name = "v.E", graph.role = "state"},
    %m_Wx: tensor<6x32xf32> {graph.name = "m.Wx", graph.role = "state"},
    %v_Wx: tensor<6x32xf32> {graph.name = "v.Wx", graph.role = "state"},
    %m_Wh: tensor<8x32xf32> {graph.name = "m.Wh", graph.role = "state"},
    %v_Wh: tensor<8x32xf32> {graph.name = "v.Wh", graph.role = "state"},
    %m_b: tensor<32xf32> {graph.name = "m.b", graph.role = "state"},
    %v_b: tensor<32xf32> {graph.name = "v.b", graph.role = "state"},
    %m_Wp: tensor<8x11xf32> {graph.name = "m.Wp", graph.role = "state"},
    %v_Wp: tensor<8x11xf32> {graph.name = "v.Wp", graph.role = "state"},
    %m_bp: tensor<11xf32> {graph.name = "m.bp", graph.role = "state"},
    %v_bp: tensor<11xf32> {graph.name = "v.bp", graph.role = "state"})
    -> (tensor<f32> {graph.name = "loss"},
        tensor<11x6xf32> {graph.name = "E.next", graph.donated = 3 : i64},
        tensor<6x32xf32> {graph.name = "Wx.next", graph.donated = 4 : i64},
        tensor<8x32xf32> {graph.name = "Wh.next", graph.donated = 5 : i64},
        tensor<32xf32> {graph.name = "b.next", graph.donated = 6 : i64},
        tensor<8x11xf32> {graph.name = "Wp.next", graph.donated = 7 : i64},
        tensor<11xf32> {graph.name = "bp.next", graph.donated = 8 : i64},
        tensor<11x6xf32> {graph.name = "m.E.next", graph.donated = 9 : i64},
        tensor<11x6xf32> {graph.name = "v.E.next", graph.donated = 10 : i64},
        tensor<6x32xf32> {graph.name = "m.Wx.next", graph.donated = 11 : i64},
        tensor<6x32xf32> {graph.name = "v.Wx.next", graph.donated = 12 : i64},
        tensor<8x32xf32> {graph.name = "m.Wh.next", graph.donated = 13 : i64},
        tensor<8x32xf32> {graph.name = "v.Wh.next", graph.donated = 14 : i64},
        tensor<32xf32> {graph.name = "m.b.next", graph.donated = 15 : i64},
        tensor<32xf32> {graph.name = "v.b.next", graph.donated = 16 : i64},
        tensor<8x11xf32> {graph.name = "m.Wp.next", graph.donated = 17 : i64},
        tensor<8x11xf32> {graph.name = "v.Wp.next", graph.donated = 18 : i64},
        tensor<11xf32> {graph.name = "m.bp.next", graph.donated = 19 : i64},
        tensor<11xf32> {graph.name = "v.bp.next", graph.donated = 20 : i64}) {
  %zero = graph.constant dense<0.0> : tensor<3x8xf32>
  %x = graph.gather %E[%ids] : tensor<11x6xf32>, tensor<3x4xi32> -> tensor<3x4x6xf32>
  %hT, %cT, %hs = graph.scan 4 carry(%h = %zero, %c = %zero) over(%xt = %x axis 1) out(axis 1)
      : (tensor<3x8xf32>, tensor<3x8xf32>, tensor<3x4x6xf32>) -> (tensor<3x8xf32>, tensor<3x8xf32>, tensor<3x4x8xf32>) {
    %zx = graph.contract %xt, %Wx over [1] with [0] : tensor<3x6xf32>, tensor<6x32xf32> -> tensor<3x32xf32>
    %zh = graph.contract %h, %Wh over [1] with [0] : tensor<3x8xf32>, tensor<8x32xf32> -> tensor<3x32xf32>
    %bb = graph.broadcast %b along [1] : tensor<32xf32> -> tensor<3x32xf32>
    %z0 = graph.add %zx, %zh : tensor<3x32xf32>
    %z = graph.add %z0, %bb : tensor<3x32xf32>
    %zi = graph.slice %z from [0, 0] to [3, 8] by [1, 1] : tensor<3x32xf32> -> tensor<3x8xf32>
    %i = graph.sigmoid %zi : tensor<3x8xf32>
    %zf = graph.slice %z from [0, 8] to [3, 16] by [1, 1] : tensor<3x32xf32> -> tensor<3x8xf32>
    %f = graph.sigmoid %zf : tensor<3x8xf32>
    %zg = graph.slice %z from [0, 16] to [3, 24] by [1, 1] : tensor<3x32xf32> -> tensor<3x8xf32>
    %g = graph.tanh %zg : tensor<3x8xf32>
    %zo = graph.slice %z from [0, 24] to [3, 32] by [1, 1] : tensor<3x32xf32> -> tensor<3x8xf32>
    %o = graph.sigmoid %zo : tensor<3x8xf32>
    %fc = graph.mul %f, %c : tensor<3x8xf32>
    %ig = graph.mul %i, %g : tensor<3x8xf32>
    %cn = graph.add %fc, %ig : tensor<3x8xf32>
    %tc = graph.tanh %cn : tensor<3x8xf32>
    %hn = graph.mul %o, %tc : tensor<3x8xf32>
    graph.yield carry(%hn, %cn : tensor<3x8xf32>, tensor<3x8xf32>) out(%hn : tensor<3x8xf32>)
  }
  %l0 = graph.contract %hs, %Wp over [2] with [0] : tensor<3x4x8xf32>, tensor<8x11xf32> -> tensor<3x4x11xf32>
  %l1 = graph.broadcast %bp along [2] : tensor<11xf32> -> tensor<3x4x11xf32>
  %logits = graph.add %l0, %l1 : tensor<3x4x11xf32>
  %loss = graph.softmax_cross_entropy %logits, %next ignore 0 : tensor<3x4x11xf32>, tensor<3x4xi32> -> tensor<f32>
  %d_E, %d_Wx, %d_Wh, %d_b, %d_Wp, %d_bp = graph.gradient %loss wrt(%E, %Wx, %Wh, %b, %Wp, %bp) : tensor<f32>, (tensor<11x6xf32>, tensor<6x32xf32>, tensor<8x32xf32>, tensor<32xf32>, tensor<8x11xf32>, tensor<11xf32>)
  %sq_E = graph.mul %d_E, %d_E : tensor<11x6xf32>
  %ss_E = graph.reduce_sum %sq_E over [0, 1] : tensor<11x6xf32> -> tensor<f32>
  %sq_Wx = graph.mul %d_Wx, %d_Wx : tensor<6x32xf32>
  %ss_Wx = graph.reduce_sum %sq_Wx over [0, 1] : tensor<6x32xf32> -> tensor<f32>
  %tot_Wx = graph.add %ss_E, %ss_Wx : tensor<f32>
  %sq_Wh = graph.mul %d_Wh, %d_Wh : tensor<8x32xf32>
  %ss_Wh = graph.reduce_sum %sq_Wh over [0, 1] : tensor<8x32xf32> -> tensor<f32>
  %tot_Wh = graph.add %tot_Wx, %ss_Wh : tensor<f32>
  %sq_b = graph.mul %d_b, %d_b : tensor<32xf32>
  %ss_b = graph.reduce_sum %sq_b over [0] : tensor<32xf32> -> tensor<f32>
  %tot_b = graph.add %tot_Wh, %ss_b : tensor<f32>
  %sq_Wp = graph.mul %d_Wp, %d_Wp : tensor<8x11xf32>
  %ss_Wp = graph.reduce_sum %sq_Wp over [0, 1] : tensor<8x11xf32> -> tensor<f32>
  %tot_Wp = graph.add %tot_b, %ss_Wp : tensor<f32>
  %sq_bp = graph.mul %d_bp, %d_bp : tensor<11xf32>
  %ss_bp = graph.reduce_sum %sq_bp over [0] : tensor<11xf32> -> tensor<f32>
  %tot_bp = graph.add %tot_Wp, %ss_bp : tensor<f32>
  %norm = graph.sqrt %tot_bp : tensor<f32>
  %limit = graph.constant dense<0.25> : tensor<f32>
  %tiny = graph.constant dense<1.0e-6> : tensor<f32>
  %np = graph.add %norm, %tiny : tensor<f32>
  %ratio = graph.div %limit, %np : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %clip = graph.minimum %ratio, %one : tensor<f32>
  %b1_E = graph.constant dense<0.9> : tensor<11x6xf32>
  %a1_E = graph.constant dense<0.1> : tensor<11x6xf32>
  %b2_E = graph.constant dense<0.999> : tensor<11x6xf32>
  %a2_E = graph.constant dense<0.001> : tensor<11x6xf32>
  %eps_E = graph.constant dense<1.0e-8> : tensor<11x6xf32>
  %cl_E = graph.broadcast %clip along [] : tensor<f32> -> tensor<11x6xf32>
  %g_E = graph.mul %d_E, %cl_E : tensor<11x6xf32>
  %m1_E = graph.mul %m_E, %b1_E : tensor<11x6xf32>
  %m2_E = graph.mul %g_E, %a1_E : tensor<11x6xf32>
  %mn_E = graph.add %m1_E, %m2_E : tensor<11x6xf32>
  %gg_E = graph.mul %g_E, %g_E : tensor<11x6xf32>
  %v1_E = graph.mul %v_E, %b2_E : tensor<11x6xf32>
  %v2_E = graph.mul %gg_E, %a2_E : tensor<11x6xf32>
  %vn_E = graph.add %v1_E, %v2_E : tensor<11x6xf32>
  %rt_E = graph.sqrt %vn_E : tensor<11x6xf32>
  %dn_E = graph.add %rt_E, %eps_E : tensor<11x6xf32>
  %q_E = graph.div %mn_E, %dn_E : tensor<11x6xf32>
  %lr_E = graph.broadcast %lr along [] : tensor<f32> -> tensor<11x6xf32>
  %st_E = graph.mul %lr_E, %q_E : tensor<11x6xf32>
  %pn_E = graph.sub %E, %st_E : tensor<11x6xf32>
  %b1_Wx = graph.constant dense<0.9> : tensor<6x32xf32>
  %a1_Wx = graph.constant dense<0.1> : tensor<6x32xf32>
  %b2_Wx = graph.constant dense<0.999> : tensor<6x32xf32>
  %a2_Wx = graph.constant dense<0.001> : tensor<6x32xf32>
  %eps_Wx = graph.constant dense<1.0e-8> : tensor<6x32xf32>
  %cl_Wx = graph.broadcast %clip along [] : tensor<f32> -> tensor<6x32xf32>
  %g_Wx = graph.mul %d_Wx, %cl_Wx : tensor<6x32xf32>
  %m1_Wx = graph.mul %m_Wx, %b1_Wx : tensor<6x32xf32>
  %m2_Wx = graph.mul %g_Wx, %a1_Wx : tensor<6x32xf32>
  %mn_Wx = graph.add %m1_Wx, %m2_Wx : tensor<6x32xf32>
  %gg_Wx = graph.mul %g_Wx, %g_Wx : tensor<6x32xf32>
  %v1_Wx = graph.mul %v_Wx, %b2_Wx : tensor<6x32xf32>
  %v2_Wx = graph.mul %gg_Wx, %a2_Wx : tensor<6x32xf32>
  %vn_Wx = graph.add %v1_Wx, %v2_Wx : tensor<6x32xf32>
  %rt_Wx = graph.sqrt %vn_Wx : tensor<6x32xf32>
  %dn_Wx = graph.add %rt_Wx, %eps_Wx : tensor<6x32xf32>
  %q_Wx = graph.div %mn_Wx, %dn_Wx : tensor<6x32xf32>
  %lr_Wx = graph.broadcast %lr along [] : tensor<f32> -> tensor<6x32xf32>
  %st_Wx = graph.mul %lr_Wx, %q_Wx : tensor<6x32xf32>
  %pn_Wx = graph.sub %Wx, %st_Wx : tensor<6x32xf32>
  %b1_Wh = graph.constant dense<0.9> : tensor<8x32xf32>
  %a1_Wh = graph.constant dense<0.1> : tensor<8x32xf32>
  %b2_Wh = graph.constant dense<0.999> : tensor<8x32xf32>
  %a2_Wh = graph.constant dense<0.001> : tensor<8x32xf32>
  %eps_Wh = graph.constant dense<1.0e-8> : tensor<8x32xf32>
  %cl_Wh = graph.broadcast %clip along [] : tensor<f32> -> tensor<8x32xf32>
  %g_Wh = graph.mul %d_Wh, %cl_Wh : tensor<8x32xf32>
  %m1_Wh = graph.mul %m_Wh, %b1_Wh : tensor<8x32xf32>
  %m2_Wh = graph.mul %g_Wh, %a1_Wh : tensor<8x32xf32>
  %mn_Wh = graph.add %m1_Wh, %m2_Wh : tensor<8x32xf32>
  %gg_Wh = graph.mul %g_Wh, %g_Wh : tensor<8x32xf32>
  %v1_Wh = graph.mul %v_Wh, %b2_Wh : tensor<8x32xf32>
  %v2_Wh = graph.mul %gg_Wh, %a2_Wh : tensor<8x32xf32>
  %vn_Wh = graph.add %v1_Wh, %v2_Wh : tensor<8x32xf32>
  %rt_Wh = graph.sqrt %vn_Wh : tensor<8x32xf32>
  %dn_Wh = graph.add %rt_Wh, %eps_Wh : tensor<8x32xf32>
  %q_Wh = graph.div %mn_Wh, %dn_Wh : tensor<8x32xf32>
  %lr_Wh = graph.broadcast %lr along [] : tensor<f32> -> tensor<8x32xf32>
  %st_Wh = graph.mul %lr_Wh, %q_Wh : tensor<8x32xf32>
  %pn_Wh = graph.sub %Wh, %st_Wh : tensor<8x32xf32>
  %b1_b = graph.constant dense<0.9> : tensor<32xf32>
  %a1_b = graph.constant dense<0.1> : tensor<32xf32>
  %b2_b = graph.constant dense<0.999> : tensor<32xf32>
  %a2_b = graph.constant dense<0.001> : tensor<32xf32>
  %eps_b = graph.constant dense<1.0e-8> : tensor<32xf32>
  %cl_b = graph.broadcast %clip along [] : tensor<f32> -> tensor<32xf32>
  %g_b = graph.mul %d_b, %cl_b : tensor<32xf32>
  %m1_b = graph.mul %m_b, %b1_b : tensor<32xf32>
  %m2_b = graph.mul %g_b, %a1_b : tensor<32xf32>
  %mn_b = graph.add %m1_b, %m2_b : tensor<32xf32>
  %gg_b = graph.mul %g_b, %g_b : tensor<32xf32>
  %v1_b = graph.mul %v_b, %b2_b : tensor<32xf32>
  %v2_b = graph.mul %gg_b, %a2_b : tensor<32xf32>
  %vn_b = graph.add %v1_b, %v2_b : tensor<32xf32>
  %rt_b = graph.sqrt %vn_b : tensor<32xf32>
  %dn_b = graph.add %rt_b, %eps_b : tensor<32xf32>
  %q_b = graph.div %mn_b, %dn_b : tensor<32xf32>
  %lr_b = graph.broadcast %lr along [] : tensor<f32> -> tensor<32xf32>
  %st_b = graph.mul %lr_b, %q_b : tensor<32xf32>
  %pn_b = graph.sub %b, %st_b : tensor<32xf32>
  %b1_Wp = graph.constant dense<0.9> : tensor<8x11xf32>
  %a1_Wp = graph.constant dense<0.1> : tensor<8x11xf32>
  %b2_Wp = graph.constant dense<0.999> : tensor<8x11xf32>
  %a2_Wp = graph.constant dense<0.001> : tensor<8x11xf32>
  %eps_Wp = graph.constant dense<1.0e-8> : tensor<8x11xf32>
  %cl_Wp = graph.broadcast %clip along [] : tensor<f32> -> tensor<8x11xf32>
  %g_Wp = graph.mul %d_Wp, %cl_Wp : tensor<8x11xf32>
  %m1_Wp = graph.mul %m_Wp, %b1_Wp : tensor<8x11xf32>
  %m2_Wp = graph.mul %g_Wp, %a1_Wp : tensor<8x11xf32>
  %mn_Wp = graph.add %m1_Wp, %m2_Wp : tensor<8x11xf32>
  %gg_Wp = graph.mul %g_Wp, %g_Wp : tensor<8x11xf32>
  %v1_Wp = graph.mul %v_Wp, %b2_Wp : tensor<8x11xf32>
  %v2_Wp = graph.mul %gg_Wp, %a2_Wp : tensor<8x11xf32>
  %vn_Wp = graph.add %v1_Wp, %v2_Wp : tensor<8x11xf32>
  %rt_Wp = graph.sqrt %vn_Wp : tensor<8x11xf32>
  %dn_Wp = graph.add %rt_Wp, %eps_Wp : tensor<8x11xf32>
  %q_Wp = graph.div %mn_Wp, %dn_Wp : tensor<8x11xf32>
  %lr_Wp = graph.broadcast %lr along [] : tensor<f32> -> tensor<8x11xf32>
  %st_Wp = graph.mul %lr_Wp, %q_Wp : tensor<8x11xf32>
  %pn_Wp = graph.sub %Wp, %st_Wp : tensor<8x11xf32>
  %b1_bp = graph.constant dense<0.9> : tensor<11xf32>
  %a1_bp = graph.constant dense<0.1> : tensor<11xf32>
  %b2_bp = graph.constant dense<0.999> : tensor<11xf32>
  %a2_bp = graph.constant dense<0.001> : tensor<11xf32>
  %eps_bp = graph.constant dense<1.0e-8> : tensor<11xf32>
  %cl_bp = graph.broadcast %clip along [] : tensor<f32> -> tensor<11xf32>
  %g_bp = graph.mul %d_bp, %cl_bp : tensor<11xf32>
  %m1_bp = graph.mul %m_bp, %b1_bp : tensor<11xf32>
  %m2_bp = graph.mul %g_bp, %a1_bp : tensor<11xf32>
  %mn_bp = graph.add %m1_bp, %m2_bp : tensor<11xf32>
  %gg_bp = graph.mul %g_bp, %g_bp : tensor<11xf32>
  %v1_bp = graph.mul %v_bp, %b2_bp : tensor<11xf32>
  %v2_bp = graph.mul %gg_bp, %a2_bp : tensor<11xf32>
  %vn_bp = graph.add %v1_bp, %v2_bp : tensor<11xf32>
  %rt_bp = graph.sqrt %vn_bp : tensor<11xf32>
  %dn_bp = graph.add %rt_bp, %eps_bp : tensor<11xf32>
  %q_bp = graph.div %mn_bp, %dn_bp : tensor<11xf32>
  %lr_bp = graph.broadcast %lr along [] : tensor<f32> -> tensor<11xf32>
  %st_bp = graph.mul %lr_bp, %q_bp : tensor<11xf32>
  %pn_bp = graph.sub %bp, %st_bp : tensor<11xf32>
  return %loss, %pn_E, %pn_Wx, %pn_Wh, %pn_b, %pn_Wp, %pn_bp, %mn_E, %vn_E, %mn_Wx, %vn_Wx, %mn_Wh, %vn_Wh, %mn_b, %vn_b, %mn_Wp, %vn_Wp, %mn_bp, %vn_bp : tensor<f32>, tensor<11x6xf32>, tensor<6x32xf32>, tensor<8x32xf32>, tensor<32xf32>, tensor<8x11xf32>, tensor<11xf32>, tensor<11x6xf32>, tensor<11x6xf32>, tensor<6x32xf32>, tensor<6x32xf32>, tensor<8x32xf32>, tensor<8x32xf32>, tensor<32xf32>, tensor<32xf32>, tensor<8x11xf32>, tensor<8x11xf32>, tensor<11xf32>, tensor<11xf32>
}
