_base_ = ['./eomt_b_640_dinov3_oe.py', '../_base_/eim.py']

model = dict(decode_head=dict(query_losses=_base_.eim_losses))
