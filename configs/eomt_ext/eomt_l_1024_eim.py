_base_ = ['./eomt_l_1024.py', '../_base_/eim.py']

model = dict(decode_head=dict(query_losses=_base_.eim_losses))
